"""Which crates programs are linked from, as cargo resolves them: for packaging/licences and packaging/sbom."""

import json
import os
import pathlib
import subprocess
import sys
import tomllib

PROJECT = pathlib.Path(__file__).resolve().parents[2]


def fail(what):
    sys.exit(f"{pathlib.Path(sys.argv[0]).name}: {what}")


def metadata():
    """`cargo metadata` of the project for the machine that it is built on; nothing is fetched."""
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--offline"]
    if (PROJECT / "vendor").is_dir():
        command += ["--config", "packaging/vendored.toml"]
    version = run(["rustc", "-vV"])
    host = next(line.split()[1] for line in version.splitlines() if line.startswith("host:"))
    return json.loads(run(command + ["--filter-platform", host]))


def run(command):
    done = subprocess.run(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        fail(f"{' '.join(command)}: exit status {done.returncode}")
    return done.stdout


def linked(roots):
    """Names and versions of what is really built for `roots`: metadata also has what some feature could bring, which none asks for."""
    command = ["cargo", "tree", "--locked", "--offline", "--edges", "normal", "--prefix", "none", "--format", "{p}"]
    if (PROJECT / "vendor").is_dir():
        command += ["--config", "packaging/vendored.toml"]
    for root in roots:
        command += ["--package", root]
    lines = [line.split() for line in run(command).splitlines() if line]
    return {(words[0], words[1].removeprefix("v")) for words in lines}


class Tree:
    """The crates below some of the workspace's own, by name and version; what only tests and builds need is not among them."""

    def __init__(self, roots):
        found = metadata()
        self.packages = {package["id"]: package for package in found["packages"]}
        nodes = {node["id"]: node for node in found["resolve"]["nodes"]}
        members = {self.packages[key]["name"]: key for key in found["workspace_members"]}
        for root in roots:
            if root not in members:
                fail(f"{root} is no crate of this workspace")
        self.roots = [members[root] for root in roots]
        self.below = {}
        built = linked(roots)
        waiting = list(self.roots)
        while waiting:
            key = waiting.pop()
            if key in self.below:
                continue
            needs = [d for d in nodes[key]["deps"] if any(k["kind"] is None for k in d["dep_kinds"])]
            self.below[key] = sorted((d["pkg"] for d in needs if self.order(d["pkg"]) in built), key=self.order)
            waiting += self.below[key]

    def order(self, key):
        package = self.packages[key]
        return (package["name"], package["version"])

    def crates(self):
        """All of them, ours too, in a fixed order."""
        return [self.packages[key] for key in sorted(self.below, key=self.order)]

    def others(self):
        """Those that somebody else keeps."""
        return [package for package in self.crates() if package["source"]]


def directory(package):
    """Where the sources of a crate lie."""
    return pathlib.Path(package["manifest_path"]).parent


def checksums():
    """SHA-256 of each crate as published, by name and version, from Cargo.lock."""
    with open(PROJECT / "Cargo.lock", "rb") as file:
        locked = tomllib.load(file)["package"]
    return {(p["name"], p["version"]): p["checksum"] for p in locked if "checksum" in p}


def epoch():
    """The time that a reproducible build says that it is, seconds since 1970."""
    text = os.environ.get("SOURCE_DATE_EPOCH", "0")
    if not text.isdigit():
        fail(f"SOURCE_DATE_EPOCH is no number of seconds: {text!r}")
    return int(text)
