"""Pages of a PDF as pictures, for the console and the documentation."""

from __future__ import annotations

from io import BytesIO
from threading import Lock
from typing import Final

_PDFIUM: Final = Lock()  # the library serves one at a time
_POINTS_WIDE: Final = 595.28  # A4


def page_count(pdf: bytes) -> int:
    """How many pages a PDF has."""
    from pypdfium2 import PdfDocument  # type: ignore[import-untyped]

    with _PDFIUM, PdfDocument(pdf) as document:
        return len(document)


def picture(pdf: bytes, *, page: int = 1, width: int = 1_190) -> bytes:
    """A page as PNG, `width` pixels wide (of A4, about). Raises `IndexError` for a page that is not there."""
    from pypdfium2 import PdfDocument

    with _PDFIUM, PdfDocument(pdf) as document:
        if not 1 <= page <= len(document):
            raise IndexError(f"page {page} of {len(document)}")
        buffer = BytesIO()
        document[page - 1].render(scale=width / _POINTS_WIDE).to_pil().save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
