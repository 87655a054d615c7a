// Unpacks the library and the figures' data, lets Plotly draw each panel as it comes near, and passes on what the
// buttons say. Where a step fails, the drawings in the page stay.
(async () => {
  const unpack = (id) => {
    const bytes = Uint8Array.from(atob(document.getElementById(id).textContent), (c) => c.charCodeAt(0));
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
  };
  const night = matchMedia("(prefers-color-scheme: dark)");
  const text = await unpack("figures");
  let shown;
  const read = () => {
    shown = JSON.parse(text);
    const { dark } = shown;
    if (night.matches) shown = JSON.parse(text, (_, value) => dark[value] ?? value);
  };
  read();
  const library = document.createElement("script");
  library.textContent = await unpack("library");
  document.head.append(library);

  const figureOf = (node) => node.closest("figure");
  const told = (plot) => shown.figures[figureOf(plot).dataset.figure].panels[plot.dataset.plot];
  const pressed = (figure, name, value) => figure.querySelector(`[data-${name}="${value}"]`)?.ariaPressed !== "false";
  const visible = (plot) => told(plot).data.map((trace) => pressed(figureOf(plot), "switch", trace.meta));
  const scaled = async (plot) => {
    const log = figureOf(plot).querySelector("[data-log]");
    if (!log) return;
    const { values, stacked } = told(plot);
    const type = log.ariaPressed === "true" ? "log" : "linear";
    const axis = { [`${values}.type`]: type, [`${values}.autorange`]: true };
    await (stacked ? Plotly.update(plot, stacked[type], axis, stacked.traces) : Plotly.relayout(plot, axis));
  };
  const drawn = new Set();
  const draw = async (plot) => {
    const { data, layout } = structuredClone(told(plot));
    for (const trace of data) trace.customdata ??= trace.orientation === "h" ? trace.x : trace.y;
    await Plotly.newPlot(plot, data, layout, { displayModeBar: false, responsive: true });
    drawn.add(plot);
    await Plotly.restyle(plot, { visible: visible(plot) });
    await scaled(plot);
  };
  const of = (figure) => [...drawn].filter((plot) => figure.contains(plot));

  const near = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) if (isIntersecting && !drawn.has(target)) draw(target);
    document.documentElement.dataset.charts = "ready";
  }, { rootMargin: "400px" });
  for (const figure of document.querySelectorAll("figure.twofold")) {
    figure.classList.add("alive");
    figure.querySelector(".live").hidden = false;
    for (const plot of figure.querySelectorAll(".plot")) near.observe(plot);
  }
  night.addEventListener("change", () => {
    read();
    for (const plot of drawn) draw(plot);
  });
  document.addEventListener("click", ({ target }) => {
    const button = target.closest("figure button");
    if (!button) return;
    const figure = figureOf(button);
    if (button.ariaPressed) button.ariaPressed = button.ariaPressed === "true" ? "false" : "true";
    const { panel, zoom } = button.dataset;
    if (panel) figure.querySelector(`[data-part="${panel}"]`).hidden = button.ariaPressed === "false";
    for (const plot of of(figure)) {
      if ("switch" in button.dataset) Plotly.restyle(plot, { visible: visible(plot) });
      if ("log" in button.dataset) scaled(plot);
      if (zoom) Plotly.relayout(plot, told(plot).zooms[zoom] ?? {});
      if ("whole" in button.dataset) Plotly.relayout(plot, { "xaxis.autorange": true, "yaxis.autorange": true });
    }
  });
})();
