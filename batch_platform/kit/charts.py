"""A domain's plots as Dagster's UI shows them. What is drawn is the domain's own logic."""

from __future__ import annotations

from base64 import b64encode
from io import BytesIO
from typing import TYPE_CHECKING, Final

import dagster as dg

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLOURS: Final = 128


def plot(figure: Figure) -> dg.MarkdownMetadataValue:
    """The figure as Markdown that carries its own bytes (a data URI)."""
    return dg.MetadataValue.md(f"![](data:image/png;base64,{b64encode(png(figure)).decode('ascii')})")


def png(figure: Figure) -> bytes:
    """The figure as PNG of a few colours, half the size of true colour, without metadata: it is all in the figure."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    size, rgba = canvas.get_width_height(), canvas.buffer_rgba()  # type: ignore[no-untyped-call]
    pixels = Image.frombuffer("RGBA", size, rgba, "raw", "RGBA", 0, 1)
    buffer = BytesIO()
    pixels.convert("RGB").quantize(_COLOURS, dither=Image.Dither.NONE).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
