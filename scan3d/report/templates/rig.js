"use strict";
// The rig in 3D: drag to turn, arrow keys too. Reads the numbers of the page's own report.json.
(function () {
  const report = JSON.parse(document.getElementById("report").textContent);
  const canvas = document.getElementById("rig3d");
  if (!canvas) return;
  const cameras = report.cameras.filter((c) => c.position_m);
  const boards = report.boards;
  const START = { azimuth: -0.55, elevation: 0.42, zoom: 1 };
  let view = Object.assign({}, START), pointer = null, hovered = null, shownBoards = true;

  const points = cameras.map((c) => c.position_m).concat(boards.map((b) => b.corners_m[0]));
  const low = [0, 1, 2].map((k) => Math.min(...points.map((p) => p[k])));
  const high = [0, 1, 2].map((k) => Math.max(...points.map((p) => p[k])));
  const centre = low.map((v, k) => (v + high[k]) / 2);
  const radius = Math.max(0.1, ...points.map((p) => Math.hypot(...p.map((v, k) => v - centre[k]))));
  const size = 0.11 * radius;

  function colour(name) { return getComputedStyle(canvas).getPropertyValue("--" + name).trim(); }

  // Orthographic with a little perspective: enough to tell near from far, too little to mislead.
  function project(p, width, height) {
    const x = p[0] - centre[0], y = p[1] - centre[1], z = p[2] - centre[2];
    const ca = Math.cos(view.azimuth), sa = Math.sin(view.azimuth);
    const ce = Math.cos(view.elevation), se = Math.sin(view.elevation);
    const right = ca * x + sa * y, away = -sa * x + ca * y;
    const up = ce * z + se * away, depth = ce * away - se * z;
    const s = view.zoom * 0.43 * Math.min(width, height * 1.15) / radius * 3.6 * radius / (3.6 * radius + depth);
    return [width / 2 + s * right, height / 2 - s * up, depth];
  }

  function frustum(camera) {
    const i = camera.intrinsics, add = (a, v, s) => a.map((x, k) => x + s * v[k]);
    const wide = 0.5 * size * Math.min(2, i.width / i.fx), tall = 0.5 * size * Math.min(2, i.height / i.fy);
    return [[-1, -1], [1, -1], [1, 1], [-1, 1]].map(([h, v]) =>
      add(add(add(camera.position_m, camera.forward, size), camera.right, h * wide), camera.down, v * tall));
  }

  function draw() {
    const ratio = window.devicePixelRatio || 1, box = canvas.getBoundingClientRect();
    canvas.width = Math.round(box.width * ratio);
    canvas.height = Math.round(box.height * ratio);
    const g = canvas.getContext("2d");
    g.scale(ratio, ratio);
    const to = (p) => project(p, box.width, box.height);
    const line = (list, close) => {
      g.beginPath();
      list.map(to).forEach(([x, y], k) => (k ? g.lineTo(x, y) : g.moveTo(x, y)));
      if (close) g.closePath();
    };
    const ground = Math.min(low[2], report.world_frame === "upright" ? low[2] : 0), step = gridStep(radius);
    g.strokeStyle = colour("line"); g.lineWidth = 1;
    const reach = Math.ceil(radius / step) * step;
    for (let t = -reach; t <= reach + 1e-9; t += step) {
      const cx = Math.round(centre[0] / step) * step, cy = Math.round(centre[1] / step) * step;
      line([[cx + t, cy - reach, ground], [cx + t, cy + reach, ground]]); g.stroke();
      line([[cx - reach, cy + t, ground], [cx + reach, cy + t, ground]]); g.stroke();
    }
    g.fillStyle = colour("soft"); g.font = "11px system-ui, sans-serif"; g.textAlign = "left";
    g.fillText("grid " + (step < 1 ? Math.round(step * 100) + " cm" : step + " m"), 10, box.height - 10);
    if (shownBoards) {
      g.globalAlpha = boards.length > 60 ? 0.35 : 0.6;
      g.strokeStyle = colour("bar");
      boards.forEach((b) => { line(b.corners_m, true); g.stroke(); });
      g.globalAlpha = 1;
    }
    const drawn = cameras.map((c) => ({ c, at: to(c.position_m) })).sort((a, b) => b.at[2] - a.at[2]);
    drawn.forEach(({ c, at }) => {
      const corners = frustum(c), lit = hovered === c.camera_id;
      const tone = c.grade === "good" ? colour(lit ? "ink" : "soft") : colour(c.grade);
      g.strokeStyle = tone; g.lineWidth = c.grade === "good" && !lit ? 1.1 : 2;
      g.fillStyle = c.grade === "good" ? colour("card") : tone;
      line(corners, true); g.globalAlpha = 0.75; g.fill(); g.globalAlpha = 1; g.stroke();
      corners.forEach((p) => { line([c.position_m, p]); g.stroke(); });
      if (c.grade !== "good" || lit || cameras.length <= 16) {
        g.fillStyle = tone; g.font = (c.grade !== "good" || lit ? "700 " : "") + "12px system-ui, sans-serif";
        g.textAlign = "center";
        g.fillText(c.camera_id, at[0], at[1] - 8);
      }
    });
    canvas.drawn = drawn;
  }

  function gridStep(reach) {
    const wanted = reach / 4, power = Math.pow(10, Math.floor(Math.log10(wanted)));
    return [5, 2, 1].map((k) => k * power).find((s) => s <= wanted) || power;
  }

  canvas.addEventListener("pointerdown", (e) => { pointer = [e.clientX, e.clientY]; canvas.setPointerCapture(e.pointerId); });
  canvas.addEventListener("pointerup", () => { pointer = null; });
  canvas.addEventListener("pointermove", (e) => {
    if (pointer) {
      view.azimuth += 0.008 * (e.clientX - pointer[0]);
      view.elevation = Math.max(-1.5, Math.min(1.57, view.elevation + 0.008 * (e.clientY - pointer[1])));
      pointer = [e.clientX, e.clientY];
    } else {
      const box = canvas.getBoundingClientRect(), x = e.clientX - box.left, y = e.clientY - box.top;
      const near = (canvas.drawn || []).map((d) => [Math.hypot(d.at[0] - x, d.at[1] - y), d.c.camera_id]).sort((a, b) => a[0] - b[0])[0];
      const name = near && near[0] < 18 ? near[1] : null;
      if (name === hovered) return;
      hovered = name;
    }
    draw();
  });
  canvas.addEventListener("dblclick", () => { view = Object.assign({}, START); draw(); });
  canvas.addEventListener("keydown", (e) => {
    const turn = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, 0.1], ArrowDown: [0, -0.1] }[e.key];
    if (turn) {
      view.azimuth += turn[0];
      view.elevation = Math.max(-1.5, Math.min(1.57, view.elevation + turn[1]));
    } else if (e.key === "+" || e.key === "-") {
      view.zoom *= e.key === "+" ? 1.15 : 1 / 1.15;
    } else return;
    e.preventDefault();
    draw();
  });
  const toggle = document.getElementById("boards-shown");
  if (toggle) toggle.addEventListener("change", () => { shownBoards = toggle.checked; draw(); });
  window.addEventListener("resize", draw);
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  draw();
})();
