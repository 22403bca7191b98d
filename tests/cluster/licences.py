# SPDX-License-Identifier: Apache-2.0
"""A vendor of licences, and what tests ask nodes of theirs."""
import glob
import os
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SIGN = os.path.join(ROOT, "packaging", "license-sign")


class Vendor:
    """A vendor's keys, in a folder of the house."""

    def __init__(self, house, name="keys"):
        self.house, self.dir = house, os.path.join(house.dir, name)
        subprocess.run([SIGN, "keys", self.dir], check=True, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)

    @property
    def line(self):
        return 'license.public_key = "file://%s/public.pem"' % self.dir

    def sign(self, name, *fields):
        """The path of a new licence."""
        path = os.path.join(self.dir, name)
        with open(path, "wb") as f:
            subprocess.run([SIGN, "sign", os.path.join(self.dir, "private.pem"), *fields], check=True, stdout=f,
                           stdin=subprocess.DEVNULL)
        return path


def configure(node, *lines):
    node.lines = list(lines)
    node.write_conf()


def info(node):
    return node.rows("license", "info")[0]


def read(path):
    with open(path, "rb") as f:
        return f.read()


def copy_of(node):
    return read(node.path("data", "licenses", "emqx.lic"))


def backups(node):
    return sorted(glob.glob(node.path("data", "licenses", "emqx.lic.*.backup")))


def alarms(node):
    return {r["name"]: r for r in node.rows("alarms", "list") if r["active"]}
