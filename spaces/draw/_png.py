"""Pictures as PNG, by matplotlib."""

from io import BytesIO

from .._errors import MissingExtra
from ._shapes import COLORS, LINE, Curve, Head, Picture, Rect, Text

__all__ = ["png"]

PIXELS = 2  # of the image for one of the picture
INCH = 96  # pixels of the picture
POINT = 72 / INCH


def png(picture: Picture) -> bytes:
    """Write a picture as PNG, two pixels for each of the SVG's.

    Args:
        picture: What to draw.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    try:
        from matplotlib.axes import Axes
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra("matplotlib", "report", "drawing a PNG") from error
    sheet = Figure((picture.width / INCH, picture.height / INCH), dpi=INCH * PIXELS)
    axes = Axes(sheet, (0, 0, 1, 1), xlim=(0, picture.width), ylim=(picture.height, 0))
    axes.set_axis_off()
    sheet.add_axes(axes)
    _draw(axes, picture)
    data = BytesIO()
    FigureCanvasAgg(sheet).print_png(data)
    return data.getvalue()


def _draw(axes, picture):
    from matplotlib.patches import FancyBboxPatch, PathPatch, Polygon
    from matplotlib.path import Path

    codes = {"M": Path.MOVETO, "L": Path.LINETO, "C": Path.CURVE4}
    for order, shape in enumerate(picture.shapes):
        match shape:
            case Rect():
                fill, stroke = COLORS[shape.family]
                style = f"round,pad=0,rounding_size={shape.radius}"
                axes.add_patch(FancyBboxPatch((shape.x, shape.y), shape.width, shape.height, boxstyle=style, facecolor=fill, edgecolor=stroke, linewidth=POINT, zorder=order))
            case Text():
                axes.text(shape.x, shape.y, shape.text, fontsize=shape.size * POINT, color=shape.color, ha="center" if shape.anchor == "middle" else "left", va="baseline", fontweight="bold" if shape.bold else "normal", parse_math=False, zorder=order)
            case Curve():
                points = [point for _, way in shape.pieces for point in way]
                kinds = [codes[kind] for kind, way in shape.pieces for _ in way]
                axes.add_patch(PathPatch(Path(points, kinds), fill=False, edgecolor=LINE, linewidth=1.2 * POINT, linestyle=(0, (4/1.2, 3/1.2)) if shape.dashed else "solid", zorder=order))
            case Head():
                x, y = shape.x, shape.y
                axes.add_patch(Polygon([(x, y), (x - 3.5, y - 7), (x + 3.5, y - 7)], facecolor=LINE, edgecolor="none", zorder=order))
