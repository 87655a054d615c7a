"""Drives report pages in headless Chromium and compares what they show with results.json.

    python tests/browser/pages.py FOLDER[=FOLDER,FOLDER]...

Needs the packages playwright and axe-playwright-python, and Chromium; .ci/run installs them. A folder is what `kmsim run`,
`kmsim plan`, `kmsim sweep` or `kmsim compare --out` writes; after `=` stand the folders that were compared. Of each page:
nothing is asked of the network and nothing fails; it is ready and zooms in time; the pointer shows the digits of results.json,
plan.json or sweep.csv; zoom, switches, and the logarithmic scale do what they say, and the quota stays; the keyboard reaches
every button; without scripts and in print the drawings stand there; no text is clipped or small at 1280 and 400 px; axe finds
nothing, by day and by night.
"""

import csv
import json
import math
import pathlib
import re
import statistics
import sys
import time

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

READY_S, ZOOM_S, LARGEST = 3.0, 0.25, 4_000_000
BEGIN_MS = 946_684_800_000  # The day that runs begin on, as Plotly counts.
# Student's t at 97.5 %, for 1 to 9 degrees of freedom.
STUDENT = (12.7062047364, 4.3026527297, 3.1824463053, 2.7764451052, 2.5705818366, 2.4469118511, 2.3646242516, 2.3060041352, 2.2621571628)
failures = []


def check(holds, *what):
    if not holds:
        failures.append(" ".join(str(w) for w in what))
        print("FAILED:", failures[-1])
    return holds


class PageUnderTest:
    """A page that is open, and everything that it asked for or complained about."""

    def __init__(self, browser, path, **how):
        self.context = browser.new_context(offline=True, **how)
        self.page = self.context.new_page()
        self.complaints = []
        self.page.on("console", lambda m: self.complaints.append(m.text[:300]) if m.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda e: self.complaints.append(str(e)[:300]))
        self.page.on("request", lambda r: None if r.url.startswith(("file:", "data:", "blob:")) else self.complaints.append(r.url))
        self.cdp = self.context.new_cdp_session(self.page)
        # Time of the page's own thread: what else runs on the machine doesn't count.
        self.cdp.send("Performance.enable", {"timeDomain": "threadTicks"})
        self.page.goto(path.resolve().as_uri())

    def busy_s(self):
        found = self.cdp.send("Performance.getMetrics")["metrics"]
        return next(m["value"] for m in found if m["name"] == "TaskDuration")

    def ready(self):
        self.page.wait_for_selector("html[data-charts=ready]", state="attached", timeout=120_000)
        self.settle()

    def settle(self, ms=30):
        self.page.evaluate("ms => new Promise(done => requestAnimationFrame(() => setTimeout(done, ms)))", ms)

    def drawn(self, plot):
        plot.scroll_into_view_if_needed()
        plot.locator(".main-svg").first.wait_for(timeout=60_000)
        self.settle()
        return plot

    def close(self):
        self.context.close()


def hover(it, plot, share, height=0.5):
    """What the pointer shows at a share of a plot's width: the x value, and texts by name."""
    area = plot.locator(".nsewdrag").first
    box = area.bounding_box()
    it.page.mouse.move(0, 0)
    it.page.mouse.move(box["x"] + box["width"] * share, box["y"] + box["height"] * height, steps=3)
    it.settle(80)
    points = plot.evaluate("p => (p._hoverdata ?? []).map(d => ({x: +d.xaxis.d2c(d.x), name: d.data.name}))")
    texts = plot.evaluate("p => [...p.querySelectorAll('.hoverlayer text')].map(t => [...t.childNodes].map(n => n.textContent).join('\\n'))")
    shown = {}
    for line in "\n".join(texts).split("\n"):
        name, _, value = line.rpartition(": ")
        if name:
            shown[name] = value
    return points, shown


def digits(text):
    return text.split(" (")[0].strip().replace("\u2212", "-")


def same(text, value):
    """Whether the text has exactly the digits of a value."""
    try:
        return float(digits(text)) == value
    except ValueError:
        return False


def variant(results, name):
    return next(v for v in results["variants"] if v["name"] == name)


def tightest(v):
    known = {n: q["quota_headroom"]["mean"] for n, q in v["by_quota"].items() if "quota_headroom" in q}
    known = {n: h for n, h in known.items() if h is not None}
    return min(known, key=known.get)


def figure_of(it, title):
    return it.page.locator("figure.twofold").filter(has=it.page.locator(".live > .title", has_text=title)).first


def panels(it, figure):
    for part in figure.locator("[data-part]").all():
        name = part.locator(".title").first.inner_text() if part.locator(".title").count() else ""
        yield name, it.drawn(part.locator(".plot"))


def decisive(it, results):
    figure = figure_of(it, "The decisive seconds")
    compared = 0
    for name, plot in panels(it, figure):
        v = variant(results, name)
        limit = tightest(v)
        found = next(r for r in v["decisive_seconds"][limit] if r["has_busiest_second"])
        for share in (0.2, 0.5, 0.8):
            points, shown = hover(it, plot, share)
            if not check(points, name, "decisive seconds show nothing at", share):
                continue
            second = round((points[0]["x"] - BEGIN_MS) / 1000)
            s = next(s for s in found["stretches"] if s["from_s"] <= second < s["from_s"] + s["seconds"])
            i = second - s["from_s"]
            quota = [q for at, q in s["quota_per_s"] if at <= second][-1]
            throttled = sum((w.get("throttled") or [0] * s["seconds"])[i] for w in s["by_workload"].values())
            expected = {"quota": quota, "throttled": throttled}
            expected |= {w: c["attempts"][i] for w, c in s["by_workload"].items()}
            expected["busiest second"] = max(sum(c["attempts"][k] for c in s["by_workload"].values()) for k in range(s["seconds"]))
            named = [w for w in s["by_workload"] if w in shown]
            expected["all others"] = sum(c["attempts"][i] for w, c in s["by_workload"].items() if w not in named)
            check("quota" in shown, name, second, "no quota under the pointer", shown)
            for what, text in shown.items():
                if check(what in expected, "decisive", name, "unknown", what, text):
                    check(same(text, expected[what]), "decisive", name, second, what, text, "is", expected[what])
                    compared += 1
    check(compared > 0, "nothing compared in the decisive seconds")
    return compared


def attempts(it, results):
    compared = 0
    for figure in it.page.locator("figure.twofold").filter(has=it.page.locator(".live > .title", has_text="KMS attempts per second: ")).all()[:1]:
        for name, plot in panels(it, figure):
            v = variant(results, name)
            series = v["series"]
            for share in (0.3, 0.7):
                points, shown = hover(it, plot, share)
                if not points:
                    continue
                second = round((points[0]["x"] - BEGIN_MS) / 1000)
                if second not in series["t_s"]:
                    continue
                i = series["t_s"].index(second)
                known = [q for n, q in series.items() if isinstance(q, dict) and "quota_per_s" in q]
                ids = {
                    "mean over replications": lambda q: q["kms_attempts_per_s"]["mean"][i],
                    "busiest second in each bin": lambda q: q["kms_attempts_per_s"]["max"][i],
                    "95 % interval of the mean, lower end": lambda q: q["kms_attempts_per_s"]["ci_low"][i],
                    "95 % interval of the mean, upper end": lambda q: q["kms_attempts_per_s"]["ci_high"][i],
                    "CloudWatch, one-minute sum ÷ 60": lambda q: q["cloudwatch_per_s"][i],
                    "quota": lambda q: q["quota_per_s"][i],
                }
                check("quota" in shown, name, second, "no quota under the pointer", shown)
                for what, text in shown.items():
                    if what in ids:
                        check(any(same(text, ids[what](q)) for q in known), "attempts", name, second, what, text)
                        compared += 1
    return compared


def lines(it, results, title, value):
    """A figure with a line for each variant."""
    figure = figure_of(it, title)
    compared = 0
    if not figure.count():
        return 0
    for _, plot in panels(it, figure):
        for share in (0.25, 0.5, 0.75, 0.85):
            points, shown = hover(it, plot, share)
            if not points:
                continue
            second = round((points[0]["x"] - BEGIN_MS) / 1000)
            for what, text in shown.items():
                v = next((v for v in results["variants"] if v["name"] == what), None)
                own = re.search(r" at day (\d+) (\d+):(\d+):(\d+)$", text)
                at = second
                if own:  # The nearest value of a line with gaps says when it is.
                    day, h, m, s = map(int, own.groups())
                    at, text = ((day - 1) * 24 + h) * 3600 + m * 60 + s, text[: own.start()]
                if v is None or at not in v["series"]["t_s"]:
                    continue
                expected = value(v, v["series"]["t_s"].index(at))
                check(any(same(text, e) for e in expected), title, what, second, text, "is none of", expected)
                compared += 1
    return compared


def overlaid(v, i):
    return [v["series"][tightest(v)]["kms_attempts_per_s"]["mean"][i]]


def shares_of_bin(v, at):
    if at not in v["series"]["t_s"]:
        return None
    i = v["series"]["t_s"].index(at)
    of = [s for s in v["series"].values() if isinstance(s, dict) and "quota_per_s" in s]
    pairs = [(s["kms_throttled_per_s"]["mean"][i], s["kms_attempts_per_s"]["mean"][i]) for s in of]
    return [t / a for t, a in pairs if a > 0]


def shares_of_second(v, at, replication):
    shares = []
    for found in (r for all in v["decisive_seconds"].values() for r in all if r["replication"] == replication):
        for s in found["stretches"]:
            if s["from_s"] <= at < s["from_s"] + s["seconds"]:
                i, n = at - s["from_s"], s["seconds"]
                attempts = sum(w["attempts"][i] for w in s["by_workload"].values())
                throttled = sum((w.get("throttled") or [0] * n)[i] for w in s["by_workload"].values())
                shares += [throttled / attempts] if attempts else []
    return shares


def throttle_rate(it, results):
    """Each second of the record and, switched on, each bin."""
    figure = figure_of(it, "throttled over time")
    if not figure.count():
        return 0
    off = figure.locator("button[data-switch][aria-pressed=false]")
    while off.count():
        off.first.click()
    compared = 0
    for _, plot in panels(it, figure):
        for share in (0.25, 0.5, 0.75, 0.85):
            points, shown = hover(it, plot, share)
            for what, text in shown.items():
                of = re.fullmatch(r"(.*) \(replication (\d+)\)|(.*): bins|(.*)", what)
                v = next((v for v in results["variants"] if v["name"] == (of[1] or of[3] or of[4])), None)
                own = re.search(r" at day (\d+) (\d+):(\d+):(\d+)$", text)
                at = round((points[0]["x"] - BEGIN_MS) / 1000)
                if own:  # The nearest value of a line with gaps says when it is.
                    day, h, m, second = map(int, own.groups())
                    at, text = ((day - 1) * 24 + h) * 3600 + m * 60 + second, text[: own.start()]
                expected = v and (shares_of_second(v, at, int(of[2])) if of[2] else shares_of_bin(v, at))
                if expected:
                    check(any(same(text, e) for e in expected), "throttle rate", what, at, text, "is none of", expected)
                    compared += 1
    check(compared > 0, "nothing compared of the share throttled")
    return compared


def delays(it, results):
    """The share of requests that are delayed by more than a time."""
    figure = figure_of(it, "Delay added by throttling")
    if not figure.count():
        return 0
    compared = 0
    for _, plot in panels(it, figure):
        spots = plot.evaluate("""p => p._fullData.flatMap(t => { const { xaxis: x, yaxis: y } = p._fullLayout;
          return [0, (t.x.length / 2) | 0].map(k => [t.name, x._offset + x.d2p(t.x[k]), y._offset + y.d2p(t.y[k])]) })""")
        box = plot.bounding_box()
        for name, x, y in spots:
            count = variant(results, name)["series"]["added_delay"]["count"]
            total, above, known = sum(count), 0, []
            for n in reversed(count):
                known.append(above / total)
                above += n
            it.page.mouse.move(0, 0)
            it.page.mouse.move(box["x"] + x, box["y"] + y, steps=2)
            it.settle(80)
            for line in plot.evaluate("p => [...p.querySelectorAll('.hoverlayer text')].map(t => t.textContent)"):
                number = re.match(re.escape(name) + r": ([0-9.]+(?:e[+-]?\d+)?)", line)
                if number:
                    near = any(math.isclose(float(number[1]), k, rel_tol=1e-9) for k in known)
                    check(near, "added delay", line, "is no share of results.json")
                    compared += 1
    return compared


def bars(it, results, title, amounts, total):
    figure = figure_of(it, title)
    if not figure.count():
        return 0
    compared = 0
    for _, plot in panels(it, figure):
        known = [a for v in results["variants"] for a in amounts(v)]
        totals = [v["metrics"][total]["mean"] for v in results["variants"]]
        n = len(results["variants"])
        for k in range(n):
            for share in (0.03, 0.3):
                points, shown = hover(it, plot, share, (k + 0.6) / (n + 0.2))
                for what, text in shown.items():
                    if what in ("total, with 95 % interval", ""):
                        continue
                    if re.fullmatch(r"-?[0-9.e+-]+", digits(text)):
                        near = [a for a in known + totals if math.isclose(a, float(digits(text)), rel_tol=1e-12)]
                        check(near, title, what, text, "is in no bill")
                        compared += 1
    return compared


def bill(v):
    sums = {}
    for line in v["bill"]:
        sums[line["item"]] = sums.get(line["item"], 0) + line["amount_usd"]
    return sums.values()


def calls(v):
    return [m["kms_calls"]["mean"] for m in v["by_kms_operation"].values() if "kms_calls" in m]


def span(plot):
    return plot.evaluate("p => { const [a, b] = p._fullLayout.xaxis.range.map(p._fullLayout.xaxis.r2c); return b - a }")


def zoom_and_switches(it):
    """Zoom to a second, logarithmic scale, variants and workloads on and off; the quota stays."""
    figure = figure_of(it, "The decisive seconds")
    for name, plot in list(panels(it, figure))[:1]:
        whole = span(plot)
        before = it.busy_s()
        figure.get_by_role("button", name="the busiest seconds").click()
        it.settle()
        took = it.busy_s() - before
        check(took <= ZOOM_S, "a zoom takes", took, "s")
        check(span(plot) == 11_000 < whole, "the busiest seconds are", span(plot), "ms of", whole)
        box = plot.locator(".nsewdrag").first.bounding_box()
        middle, width = box["x"] + box["width"] * 0.5, box["width"] / 11
        it.page.mouse.move(middle - width * 0.5, box["y"] + 60)
        it.page.mouse.down()
        it.page.mouse.move(middle + width * 0.5, box["y"] + 60, steps=4)
        it.page.mouse.up()
        it.page.wait_for_timeout(400)
        it.settle()
        check(500 < span(plot) < 1_500, "dragged over one second, saw", span(plot), "ms")
        _, shown = hover(it, plot, 0.5)
        check("quota" in shown, "in one second of", name, "the pointer shows", shown)
        figure.get_by_role("button", name="everything").click()
        it.settle()
        check(span(plot) >= whole - 1_000, "everything is", span(plot), "ms")

        fixed = figure.locator(".entry", has_text="quota")
        check(fixed.count() > 0, "the quota has a switch, or no name")
        shown_quota = "p => p.data.some(t => t.name.startsWith('quota') && t.visible !== false)"
        for button in figure.locator("button[data-switch]").all():
            place = int(button.get_attribute("data-switch"))
            visible = f"p => p.data.filter(t => t.meta === {place}).map(t => t.visible !== false)"
            on = button.get_attribute("aria-pressed")
            for _ in range(2):
                button.click()
                it.settle()
                on = {"true": "false", "false": "true"}[on]
                check(button.get_attribute("aria-pressed") == on, button.inner_text(), "is not", on)
                check(set(plot.evaluate(visible)) <= {on == "true"}, button.inner_text(), "is drawn although", on)
                check(plot.evaluate(shown_quota), "no quota when", button.inner_text(), "is", on)
        log = figure.locator("button[data-log]")
        for _ in range(2):
            log.click()
            it.settle()
            kind = {"true": "log", "false": "linear"}[log.get_attribute("aria-pressed")]
            check(plot.evaluate("p => p._fullLayout.yaxis.type") == kind, "the scale is not", kind)
            check(plot.evaluate(shown_quota), "no quota on a scale that is", kind)
            fills = plot.evaluate("p => p._fullData.filter(t => t.stackgroup !== undefined && t.fill !== 'none').length")
            check((fills > 0) == (kind == "linear"), fills, "areas stand on one another on a scale that is", kind)
    for button in figure.locator("button[data-panel]").all()[:2]:
        part = figure.locator(f"[data-part='{button.get_attribute('data-panel')}']")
        button.click()
        check(not part.is_visible(), button.inner_text(), "is still there")
        button.press("Enter")
        check(part.is_visible(), button.inner_text(), "is not there again")


def keyboard(it):
    """Tab reaches the skip link first and then every button of the figures."""
    it.page.keyboard.press("Tab")
    check(it.page.evaluate("() => document.activeElement.className") == "skip", "the first Tab is not the skip link")
    buttons = it.page.locator("figure button:visible").count()
    reached = it.page.evaluate("() => [...document.querySelectorAll('figure button')].filter(b => { b.focus(); return document.activeElement === b }).length")
    check(reached >= buttons, "only", reached, "of", buttons, "buttons take the focus")
    ringed = it.page.evaluate("() => [...document.querySelectorAll('[tabindex=\"0\"], summary, button, a')].length")
    check(ringed > 0, "nothing takes the focus")


LEGIBLE = """() => {
  const wrong = [];
  if (document.documentElement.scrollWidth > innerWidth + 1) wrong.push(`the page is ${document.documentElement.scrollWidth} px wide`);
  for (const plot of document.querySelectorAll('.plot')) {
    const frame = plot.getBoundingClientRect();
    for (const text of plot.querySelectorAll('text')) {
      const box = text.getBoundingClientRect();
      if (!text.textContent || box.width === 0) continue;
      if (parseFloat(getComputedStyle(text).fontSize) < 11) wrong.push(`small: ${text.textContent}`);
      if (box.left < frame.left - 1 || box.right > frame.right + 1 || box.top < frame.top - 1 || box.bottom > frame.bottom + 1)
        wrong.push(`clipped: ${text.textContent}`);
    }
  }
  for (const node of document.querySelectorAll('p, button, .entry, h1, h2, h3, summary, li'))
    if (node.scrollWidth > node.clientWidth + 1 && node.clientWidth > 0 && getComputedStyle(node).overflow !== 'visible')
      wrong.push(`cut: ${node.textContent.slice(0, 60)}`);
  return wrong;
}"""


def draw_all(it):
    for plot in it.page.locator(".plot:visible").all():
        it.drawn(plot)


def legible_and_accessible(it, path):
    """At both widths, by day and by night; what axe finds depends on the colours, not on the width."""
    for width, scheme in ((1280, "light"), (1280, "dark"), (400, "dark"), (400, "light")):
        it.page.emulate_media(color_scheme=scheme)
        it.page.set_viewport_size({"width": width, "height": 900})
        it.settle(300)
        draw_all(it)
        wrong = it.page.evaluate(LEGIBLE)
        check(not wrong, path, width, scheme, wrong[:5])
        if (width, scheme) != (400, "dark"):
            found = Axe().run(it.page)
            told = [f"{v['id']} ({len(v['nodes'])}): {v['nodes'][0]['html'][:160]}" for v in found.response["violations"]]
            check(not told, path, width, scheme, "axe:", "; ".join(told))
        if scheme == "dark" and it.page.locator(".plot").count():
            ink = it.page.evaluate("() => getComputedStyle(document.querySelector('.plot .xtick text, .plot .ytick text')).fill")
            light = sum(int(n) for n in re.findall(r"\d+", ink)[:3]) > 380
            check(light, "by night the charts' text is", ink)


def without_scripts_and_in_print(browser, path, it):
    it.page.emulate_media(media="print")
    check(it.page.locator("figure .drawn svg").count() > 0 and it.page.locator("figure .drawn").first.is_visible(), path, "no drawing in print")
    check(it.page.locator("figure .live:visible").count() == 0, path, "prints its buttons")
    it.page.emulate_media(media="screen")
    plain = PageUnderTest(browser, path, java_script_enabled=False)
    check(plain.page.locator("figure .drawn:visible").count() == plain.page.locator("figure").count(), path, "no drawing without scripts")
    check(plain.page.locator("figure .live:visible").count() == 0, path, "shows buttons without scripts")
    plain.close()


def numbers_in(value):
    """Every number of a JSON value, as it is and in percent."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [n for v in value for n in numbers_in(v)]
    return [value, value * 100] if isinstance(value, (int, float)) and not isinstance(value, bool) else []


def swept(folder):
    """Means of every setting with their intervals, of every value of a key, and of all, by metric: from sweep.csv."""
    keys = json.loads((folder / "sweep.json").read_text())["keys"]
    with open(folder / "sweep.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    known = []
    for metric in list(rows[0])[list(rows[0]).index("replication") + 1 :]:
        means = {}
        for row in rows:
            means.setdefault((row["variant"], row["setting"], *(row[k] for k in keys)), []).append(row[metric])
        means = {at: [float(v) for v in values] for at, values in means.items() if all(values)}
        for values in means.values():
            if 2 <= len(values) <= len(STUDENT) + 1:
                half = STUDENT[len(values) - 2] * statistics.stdev(values) / math.sqrt(len(values))
                known += [statistics.fmean(values) - half, statistics.fmean(values) + half]
        means = {at: sum(values) / len(values) for at, values in means.items()}
        known += means.values()
        for name in {at[0] for at in means}:
            of = {at: v for at, v in means.items() if at[0] == name}
            known.append(sum(of.values()) / len(of))
            for k in range(len(keys)):
                for value in {at[2 + k] for at in of}:
                    some = [v for at, v in of.items() if at[2 + k] == value]
                    known.append(sum(some) / len(some))
    return known


def answered(folder):
    """Every number that the file of an answer holds."""
    if (folder / "sweep.json").exists():
        return swept(folder)
    return numbers_in(json.loads((folder / "plan.json").read_text()))


def any_figure(it, known):
    """Plans and sweeps: what the pointer shows, a value and its interval, is in the file that the command wrote."""
    compared = 0
    for plot in it.page.locator(".plot").all():
        it.drawn(plot)
        spots = plot.evaluate("""p => p._fullData.flatMap((t, i) => {
          const { xaxis: x, yaxis: y } = p._fullLayout;
          const cell = t.type === 'heatmap';
          const n = cell ? 1 : Math.min(t.x?.length ?? 0, 3);
          const row = cell ? t.z.findIndex(cells => cells.some(v => v !== null)) : -1;
          if (cell && row < 0) return [];
          return Array.from({length: n}, (_, k) => cell
            ? [x._offset + x.l2p(t.z[row].findIndex(v => v !== null)), y._offset + y.l2p(row)]
            : [x._offset + (t.orientation === 'h' ? (x.d2p((t.base?.[k] ?? 0)) + x.d2p(t.x[k] + (t.base?.[k] ?? 0))) / 2 : x.d2p(t.x[k])), y._offset + y.d2p(t.y[k])]);
        })""")
        box = plot.bounding_box()
        for x, y in spots:
            if not (math.isfinite(x or math.nan) and math.isfinite(y or math.nan)):
                continue
            it.page.mouse.move(0, 0)
            it.page.mouse.move(box["x"] + x, box["y"] + y, steps=2)
            it.settle(80)
            texts = plot.evaluate("p => [...p.querySelectorAll('.hoverlayer text')].map(t => t.textContent).join(' ')")
            number = r"(-?[0-9.]+(?:e[+-]?\d+)?)"
            first = re.search(": " + number, texts)
            ends = re.search("interval " + number + " to " + number, texts)
            for text in ([first[1]] if first else []) + ([ends[1], ends[2]] if ends else []):
                value = float(text)
                near = any(math.isclose(value, k, rel_tol=1e-8, abs_tol=1e-12) for k in known)
                check(near, "shows", texts, "of which", text, "is no value of the answer's file")
                compared += 1
    return compared


def merged(folders):
    """Results of several folders as `kmsim compare` names their variants."""
    variants = []
    for folder in folders:
        for v in json.loads((folder / "results.json").read_text())["variants"]:
            variants.append(v | {"name": f"{folder.name}:{v['name']}"})
    return {"variants": variants}


def main(folders):
    with sync_playwright() as p:
        browser = p.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"])
        for argument in folders:
            began = time.monotonic()
            folder, _, of = argument.partition("=")
            folder = pathlib.Path(folder)
            html = folder / "report.html"
            size = html.stat().st_size
            check(size <= LARGEST, html, "has", size, "bytes")
            it = PageUnderTest(browser, html, viewport={"width": 1280, "height": 900})
            it.ready()
            busy = it.busy_s()
            check(busy <= READY_S, html, "is ready after", busy, "s")
            keyboard(it)
            told = f"{html}: {size:,} bytes, ready after {busy:.2f} s"
            if (folder / "results.json").exists():
                if of:
                    results = merged([pathlib.Path(f) for f in of.split(",")])
                else:
                    results = json.loads((folder / "results.json").read_text())
                compared = {
                    "decisive seconds": decisive(it, results),
                    "attempts": attempts(it, results),
                    "overlay": lines(it, results, "variants overlaid", overlaid),
                    "throttle rate": throttle_rate(it, results),
                    "added delay": delays(it, results),
                    "cost": bars(it, results, "Cost by variant", bill, "cost_total_usd"),
                    "calls": bars(it, results, "KMS calls by variant", calls, "kms_calls"),
                }
                zoom_and_switches(it)
            else:
                compared = {"values": any_figure(it, answered(folder))}
                check(compared["values"] > 0, html, "nothing compared")
            without_scripts_and_in_print(browser, html, it)
            legible_and_accessible(it, html)
            check(not it.complaints, html, it.complaints[:3])
            it.close()
            took = time.monotonic() - began
            print(told + "; compared: " + ", ".join(f"{n} {what}" for what, n in compared.items()) + f"; {took:.0f} s", flush=True)
        browser.close()
    if failures:
        sys.exit(f"{len(failures)} failures")


if __name__ == "__main__":
    main(sys.argv[1:])
