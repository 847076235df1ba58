"""Pictures as PNG, drawn by matplotlib."""

from io import BytesIO
from typing import TYPE_CHECKING, Any

from ..errors import MissingExtra
from .shapes import COLORS, DASHES, LINE, THICKNESS, Curve, Head, Picture, Rect, Shape, Text

if TYPE_CHECKING:
    from matplotlib.artist import Artist

__all__ = ["to_png"]

PIXELS = 2  # of the image per pixel of the picture
INCH = 96  # in pixels of the picture
POINT = 72 / INCH


def to_png(picture: Picture) -> bytes:
    """Return a picture as PNG data, with twice the resolution of the SVG.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    try:
        from matplotlib.axes import Axes
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra("matplotlib", "report", "drawing a PNG") from error
    inches = picture.width / INCH, picture.height / INCH
    sheet: Any = Figure(inches, dpi=INCH * PIXELS, facecolor="white")
    axes = sheet.add_axes(Axes(sheet, (0, 0, 1, 1)))
    axes.set(xlim=(0, picture.width), ylim=(picture.height, 0))
    axes.set_axis_off()
    for order, shape in enumerate(picture.shapes):
        axes.add_artist(_artist(shape)).set_zorder(order)
    data = BytesIO()
    canvas: Any = FigureCanvasAgg(sheet)
    canvas.print_png(data)
    return data.getvalue()


def _artist(shape: Shape) -> "Artist":
    from matplotlib import patches, path, text

    match shape:
        case Rect(x=x, y=y, width=width, height=height):
            fill, line = COLORS[shape.family]
            style = f"round,pad=0,rounding_size={shape.radius}"
            return patches.FancyBboxPatch(
                (x, y), width, height, style, facecolor=fill, edgecolor=line, linewidth=POINT
            )
        case Text():
            return text.Text(
                shape.x,
                shape.y,
                shape.text,
                color=shape.color,
                fontfamily="DejaVu Sans",  # part of matplotlib
                fontsize=shape.size * POINT,
                fontweight="bold" if shape.bold else "normal",
                horizontalalignment="center" if shape.anchor == "middle" else "left",
                parse_math=False,
                usetex=False,
            )
        case Curve():
            kinds = {"M": path.Path.MOVETO, "L": path.Path.LINETO, "C": path.Path.CURVE4}
            way = path.Path(
                [point for _, points in shape.pieces for point in points],
                [kinds[kind] for kind, points in shape.pieces for _ in points],
            )
            dashes = (0, [length / THICKNESS for length in DASHES]) if shape.dashed else "solid"
            return patches.PathPatch(
                way, fill=False, edgecolor=LINE, linewidth=THICKNESS * POINT, linestyle=dashes
            )
        case Head():
            return patches.Polygon(shape.corners, facecolor=LINE, linewidth=0)
