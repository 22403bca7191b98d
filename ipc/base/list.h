/* SPDX-License-Identifier: Apache-2.0 */
/*
 * list: intrusive doubly linked list.  The head is a struct list_node whose
 * next and prev are itself; nodes sit inside the objects.
 */
#ifndef IPC_BASE_LIST_H
#define IPC_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list_node {
	struct list_node *next, *prev;
};

#define LIST_OWNER(node_, type_, member_) \
	((type_ *)(void *)((char *)(node_)-offsetof(type_, member_)))
#define LIST_EACH(node_, head_)                                         \
	for (struct list_node *node_ = (head_)->next; node_ != (head_); \
	     node_ = node_->next)
/* The current node may be removed inside. */
#define LIST_EACH_SAFE(node_, head_)                                               \
	for (struct list_node *node_ = (head_)->next, *next_##node_ = node_->next; \
	     node_ != (head_); node_ = next_##node_, next_##node_ = node_->next)

static inline void
list_init(struct list_node *head)
{
	head->next = head->prev = head;
}

static inline bool
list_is_empty(const struct list_node *head)
{
	return head->next == head;
}

static inline void
list_add_after(struct list_node *at, struct list_node *node)
{
	node->next = at->next;
	node->prev = at;
	at->next->prev = node;
	at->next = node;
}

static inline void
list_push(struct list_node *head, struct list_node *node) /* at the end */
{
	list_add_after(head->prev, node);
}

static inline void
list_del(struct list_node *node)
{
	node->next->prev = node->prev;
	node->prev->next = node->next;
	node->next = node->prev = node;
}

#endif
