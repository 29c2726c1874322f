"""Notebook widget: the playground in a cell, whose trained parameters come back to the model in Python.

It needs anywidget, and a front end that has widgets. The page stays in a frame of its own, from which its script
reaches nothing of the notebook; what it sends are numbers, and these are looked at before they are taken over.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

ESM = """
export default {
  render({ model, el }) {
    const frame = document.createElement("iframe");
    frame.sandbox = "allow-scripts allow-downloads";
    frame.title = model.get("title");
    frame.srcdoc = model.get("page");
    frame.style.cssText = `border:0;width:100%;height:${model.get("height")}px`;
    const listen = (event) => {
      if (event.source !== frame.contentWindow || !Array.isArray(event.data?.scalarAutograd)) return;
      model.set("theta", event.data.scalarAutograd);
      model.save_changes();
    };
    addEventListener("message", listen);
    frame.addEventListener("load", () => frame.contentWindow.postMessage("scalar-autograd: parameters", "*"));
    el.append(frame);
    return () => removeEventListener("message", listen);
  },
};
"""


@cache
def widget_class() -> Any:
    """Return the class of the widget; ImportError where anywidget is not installed."""
    import anywidget
    import traitlets

    class PlaygroundWidget(anywidget.AnyWidget):
        """The page of a playground as a widget: `theta` is what its training has come to."""

        _esm = ESM
        page = traitlets.Unicode().tag(sync=True)
        title = traitlets.Unicode().tag(sync=True)
        height = traitlets.Int().tag(sync=True)
        theta: Any = traitlets.List().tag(sync=True)

        def __init__(self, playground: Any, height: int) -> None:
            self.parameters = list(playground.parameters)
            theta = [parameter.data for parameter in self.parameters]
            super().__init__(page=playground.html, title=playground.title, height=height, theta=theta)
            self.observe(self._take, "theta")

        def _take(self, change: Any) -> None:
            """Set the parameters to what came from the page, if it is a finite number for each of them."""
            numbers = change["new"]
            if len(numbers) == len(self.parameters) and all(map(_is_finite, numbers)):
                for parameter, number in zip(self.parameters, numbers, strict=True):
                    if parameter.data != number:  # each assignment is noted by the graphs that the parameter is in
                        parameter.data = number

    return PlaygroundWidget


def _is_finite(number: Any) -> bool:
    return type(number) in (int, float) and math.isfinite(number)
