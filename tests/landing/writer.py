"""Writes as the tools do that land data; each verb of a scene is a method."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from urllib.parse import unquote

from azure.storage.blob import BlobBlock, ContainerClient


@dataclass
class Writer:
    """One container; `later` are seconds by which its clock is ahead of the server's.

    `written` says by how much it was ahead when each version of a blob was written.
    """

    container: ContainerClient
    later: float = 0
    written: dict[str, float] = field(default_factory=dict)
    _blocks: dict[str, list[str]] = field(default_factory=dict)

    def do(self, step: str) -> None:
        """Play one step, e.g. ``put d/a.csv 20``."""
        verb, *words = step.split(" ", 2)
        getattr(self, verb)(*words)
        for blob in self.container.list_blobs():
            self.written.setdefault(str(blob.etag), self.later)

    def wait(self, seconds: str) -> None:
        """Let time pass: looks from now on see a later Date."""
        self.later += float(seconds)

    def write(self, name: str, text: str) -> None:
        """Write a small text whole, as Put Blob does."""
        self.container.upload_blob(unquote(name), text, overwrite=True)

    def put(self, name: str, size: str = "10") -> None:
        """Write a file whole."""
        self.write(name, "x" * int(size))

    def empty(self, name: str) -> None:
        """Create a file of 0 bytes: a marker, or what the DFS endpoint shows before a flush."""
        self.write(name, "")

    def mkdir(self, name: str) -> None:
        """Make a directory as an HNS account lists it: an empty blob without slash, marked."""
        self.container.upload_blob(name, b"", metadata={"hdi_isfolder": "true"})

    def stage(self, name: str) -> None:
        """Send one block that no listing shows yet."""
        staged = self._blocks.setdefault(name, [])
        staged.append(f"{len(staged):04}")
        self.container.get_blob_client(name).stage_block(staged[-1], b"x" * 10)

    def commit(self, name: str) -> None:
        """Make the blocks a file."""
        blocks = [BlobBlock(block_id=staged) for staged in self._blocks.pop(name)]
        self.container.get_blob_client(name).commit_block_list(blocks)

    def flush(self, name: str, size: str) -> None:
        """Show what was appended through the DFS endpoint: size and version tag change at once."""
        blob = self.container.get_blob_client(name)
        blob.stage_block("0000", b"x" * int(size))
        blob.commit_block_list([BlobBlock(block_id="0000")])

    def append(self, name: str, size: str) -> None:
        """Append to an append blob, which grows visibly."""
        blob = self.container.get_blob_client(name)
        if not blob.exists():
            blob.create_append_blob()
        blob.append_block(b"x" * int(size))

    def rename(self, old: str, new: str) -> None:
        """Move a file (Azurite has no rename: written anew and deleted)."""
        content = self.container.download_blob(old).readall()
        self.container.upload_blob(new, content, overwrite=True)
        self.delete(old)

    def move(self, old: str, new: str) -> None:
        """Move a folder with all it holds."""
        for name in list(self.container.list_blob_names(name_starts_with=f"{old}/")):
            self.rename(name, f"{new}/{name.removeprefix(f'{old}/')}")

    def delete(self, name: str) -> None:
        """Delete a file."""
        self.container.delete_blob(name)

    def touch(self, name: str) -> None:
        """Change metadata, which changes version tag and time of the last write."""
        self.container.get_blob_client(name).set_blob_metadata({"seen": "1"})

    def delta(self, version: str, name: str) -> None:
        """Commit a version of the table ``d`` that adds one file."""
        add = {"add": {"path": name, "size": 10, "dataChange": True}}
        action = json.dumps({"commitInfo": {}}) + "\n" + json.dumps(add)
        self.write(f"d/_delta_log/{int(version):020d}.json", action)
