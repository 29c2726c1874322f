"""Pictures of tables: horizontal bars on a logarithmic axis, as SVG; whoever is faster than ours is marked."""

import html
import math

from nn.plots.figures import COLOURS, GREY, RED
from tests.benchmarks.results import Table

WIDTH, NAME, END, BAR, GAP, TOP = 760, 250, 60, 11, 7, 58  # pixels; NAME and END are the margins on both sides


def picture(table: Table) -> str:
    """Return a table as SVG: a group of bars for each row, a bar for each contestant, the shorter the faster."""
    present = [who for who in table.contestants if any(who in row.seconds for row in table.rows)]
    numbers = [table.number(row, who) for row in table.rows for who in row.seconds]
    low, high = math.floor(math.log10(min(numbers)) - 0.1), math.ceil(math.log10(max(numbers)))
    across = lambda number: NAME + (math.log10(number) - low) / (high - low) * (WIDTH - NAME - END)
    single = len(table.rows) == 1
    colours = {who: GREY if single and i else COLOURS[i % len(COLOURS)] for i, who in enumerate(present)}
    parts, y = [], TOP
    for row in table.rows:
        group = sorted(row.seconds, key=row.median) if single else [who for who in present if who in row.seconds]
        if not single:
            parts.append(text(NAME - 8, y + BAR * len(group) / 2 + 4, row.name, "end"))
        for who in group:
            loss, x = table.loses(row, who), across(table.number(row, who))
            parts.append(f'<rect x="{NAME}" y="{y}" width="{x - NAME:.1f}" height="{BAR - 2}" fill="{colours[who]}"/>')
            said = table.cell(row, who).strip("*") + (" faster than ours" if loss and single else " ◂" if loss else "")
            parts.append(text(x + 4, y + BAR - 2.5, said, "start", RED if loss else "#222", 10))
            if single:
                parts.append(text(NAME - 8, y + BAR - 2.5, who.replace("`", ""), "end"))
                y += GAP
            y += BAR
        y += GAP
    ticks = [(NAME + (k - low) / (high - low) * (WIDTH - NAME - END), f"{10.0**k:,g}") for k in range(low, high + 1)]
    lines = [f'<path d="M{x:.1f} {TOP - 4}V{y}" stroke="#ddd"/>' for x, _ in ticks]
    unit = f"times as long as {table.ours.replace('`', '')}" if table.unit == "times" else table.unit
    lines += [text(x, y + 14, name) for x, name in ticks] + [text((NAME + WIDTH - END) / 2, y + 30, unit)]
    legend, x = [], 12
    for who in [] if single else present:
        legend.append(f'<rect x="{x}" y="30" width="10" height="10" fill="{colours[who]}"/>')
        legend.append(text(x + 14, 39, who.replace("`", ""), "start"))
        x += 30 + round(6.5 * len(who))
    if any(table.loses(row, who) for row in table.rows for who in row.seconds) and not single:
        legend.append(text(x, 39, "◂ faster than ours", "start", RED))
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {WIDTH} {y + 38}" width="{WIDTH}" '
            f'height="{y + 38}" font-family="sans-serif" font-size="12" fill="#222">',
            f"<title>{html.escape(table.title)}</title><desc>{html.escape(f'{unit}, by contestants')}</desc>",
            f'<rect width="{WIDTH}" height="{y + 38}" fill="white"/>', text(12, 18, table.title, "start", size=14),
            *legend, *lines, *parts, "</svg>\n",
        ]
    )  # fmt: skip


def text(x: float, y: float, words: str, anchor: str = "middle", colour: str = "#222", size: int = 12) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}" font-size="{size}">'
        f"{html.escape(words)}</text>"
    )
