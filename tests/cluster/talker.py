# SPDX-License-Identifier: Apache-2.0
"""A client with a thread of its own (paho), that remembers all that happened to it."""
import threading

import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from house import Failed, wait_until


class Client(paho.Client):
    """paho does not look at the reason of a DISCONNECT without properties."""

    reason = None

    def _handle_disconnect(self):
        packet = self._in_packet["packet"]
        self.reason = packet[0] if packet else 0
        return super()._handle_disconnect()


class Talker:
    """MQTT 5, connected once: what ends it stays ended, with the reason in @ends."""

    def __init__(self, node, name, clean=True, expiry=3600, keepalive=60):
        self.name, self.node = name, node
        self.got, self.ends, self.codes = [], [], {}
        self.lock = threading.Lock()
        self.session_present = None
        self.c = Client(name, protocol=paho.MQTTv5)
        self.c.max_inflight_messages_set(1000)
        self.c.on_connect = self.on_connect
        self.c.on_disconnect = self.on_disconnect
        self.c.on_message = self.on_message
        self.c.on_publish = self.on_publish
        self.c.on_subscribe = self.on_subscribe
        self.c.on_unsubscribe = self.on_unsubscribe
        self.acked, self.subscribed = set(), set()
        self.refused = None
        props = Properties(PacketTypes.CONNECT)
        props.SessionExpiryInterval = expiry
        self.c.connect(node.host, node.mqtt, keepalive, clean_start=clean, properties=props)
        self.c.loop_start()
        wait_until("%s is connected" % name, 10, lambda: self.session_present is not None or self.ends)
        if self.session_present is None:
            raise Failed("%s: refused: %s" % (name, self.ends))

    # ---- paho's thread

    def on_connect(self, _client, _data, flags, code, _props=None):
        if code.value == 0:
            self.session_present = bool(flags["session present"])

    def on_disconnect(self, client, _data, code, _props=None):
        self.ends.append(getattr(code, "value", code) if client.reason is None else client.reason)
        client.disconnect()

    def on_message(self, _client, _data, m):
        with self.lock:
            self.got.append((m.topic, m.payload.decode(), m.qos, bool(m.retain)))

    def on_publish(self, _client, _data, mid):
        self.acked.add(mid)

    def on_subscribe(self, _client, _data, mid, codes, _props=None):
        self.codes[mid] = [c.value for c in codes]
        self.subscribed.add(mid)

    def on_unsubscribe(self, _client, _data, mid, _props=None, _codes=None):
        self.subscribed.add(mid)

    # ---- the test's

    @property
    def is_connected(self):
        return not self.ends

    def subscribe(self, topic, qos=1, seconds=10):
        _, mid = self.c.subscribe(topic, qos)
        wait_until("%s has its SUBACK" % self.name, seconds, lambda: mid in self.subscribed)
        return self

    def unsubscribe(self, topic, seconds=10):
        _, mid = self.c.unsubscribe(topic)
        wait_until("%s has its UNSUBACK" % self.name, seconds, lambda: mid in self.subscribed)

    def send(self, topic, text, qos=1, retain=False):
        """Its packet id; acknowledged when it is in .acked."""
        return self.c.publish(topic, text, qos, retain).mid

    def publish(self, topic, text, qos=1, retain=False, seconds=10):
        """Until it is acknowledged."""
        mid = self.send(topic, text, qos, retain)
        wait_until("%s: %s is acknowledged" % (self.name, text), seconds, lambda: mid in self.acked)

    def texts(self, topic=None):
        with self.lock:
            return [text for t, text, _, _ in self.got if topic in (None, t)]

    def expect(self, topic, text, seconds=5):
        wait_until("%s gets %s of %s" % (self.name, text, topic), seconds,
                   lambda: text in self.texts(topic))

    def close(self):
        self.c.disconnect()
        self.c.loop_stop()

    def drop(self):
        """Without a word."""
        self.c.loop_stop(force=True)
        sock = self.c.socket()
        if sock is not None:
            sock.close()
