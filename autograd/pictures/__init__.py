"""Pictures of graphs: text, drawings, animations, notebook display, and the page that walks through a graph."""
