"""Files people send: held in memory, never on a disk, and no more of one than may be used."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from django.core.files.uploadedfile import InMemoryUploadedFile, UploadedFile
from django.core.files.uploadhandler import FileUploadHandler

MOST_BYTES = 6 * 1024 * 1024
"""More than any page takes, so that a page can still say how large a file is that it refuses."""


class InMemory(FileUploadHandler):
    """Of what is too large the size is told, and nothing is kept."""

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self.content, self.size = BytesIO(), 0

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        self.size += len(raw_data)
        if self.size <= MOST_BYTES:
            self.content.write(raw_data)
        elif self.content.tell():
            self.content = BytesIO()

    def file_complete(self, file_size: int) -> UploadedFile:
        self.content.seek(0)
        return InMemoryUploadedFile(
            self.content, self.field_name, self.file_name, self.content_type, file_size, self.charset
        )
