/* SPDX-License-Identifier: Apache-2.0 */
/* The intrusive list. */
#include "ipc/base/list.h"
#include "tests/unit/tap.h"

struct item {
	int v;
	struct list_node node;
};

static int
sum_in_order(struct list_node *head)
{
	int sum = 0;

	LIST_EACH (node, head)
		sum = sum * 10 + LIST_OWNER(node, struct item, node)->v;
	return sum;
}

TEST(a_new_list_is_empty)
{
	struct list_node head;

	list_init(&head);
	OK(list_is_empty(&head));
	EQ(sum_in_order(&head), 0);
}

TEST(push_adds_at_the_end_and_add_after_in_between)
{
	struct item a = { 1, { 0 } }, b = { 2, { 0 } }, c = { 3, { 0 } };
	struct list_node head;

	list_init(&head);
	list_push(&head, &a.node);
	list_push(&head, &c.node);
	list_add_after(&a.node, &b.node);
	EQ(sum_in_order(&head), 123);
}

TEST(a_removed_node_is_a_list_of_its_own_and_may_be_removed_again)
{
	struct item a = { 1, { 0 } }, b = { 2, { 0 } };
	struct list_node head;

	list_init(&head);
	list_push(&head, &a.node);
	list_push(&head, &b.node);
	list_del(&a.node);
	OK(list_is_empty(&a.node));
	list_del(&a.node);
	EQ(sum_in_order(&head), 2);
	list_del(&b.node);
	OK(list_is_empty(&head));
}

TEST(the_current_node_may_go_while_walking)
{
	struct item items[9];
	struct list_node head;

	list_init(&head);
	for (int i = 0; i < 9; i++) {
		items[i].v = i + 1;
		list_push(&head, &items[i].node);
	}
	LIST_EACH_SAFE (node, &head)
		if (LIST_OWNER(node, struct item, node)->v % 2 == 0)
			list_del(node);
	EQ(sum_in_order(&head), 13579);
}
