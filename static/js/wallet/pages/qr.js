// QR codes as SVG: black on white in both colour schemes, since not every camera reads them the other way.
import encodeQR from "../../../vendor/qr-0.7.0/index.js";

const SVG = "http://www.w3.org/2000/svg";
const BORDER = 3;

/** A text as a QR code. */
export function qrCode(text) {
  const rows = encodeQR(text, "raw", { ecc: "medium", border: BORDER });
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${rows.length} ${rows.length}`);
  svg.setAttribute("shape-rendering", "crispEdges");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", rows.flatMap((row, y) => runs(row).map(([x, length]) => `M${x} ${y}h${length}v1h-${length}z`)).join(""));
  svg.append(path);
  return svg;
}

// Neighbouring dark modules of a row, as [from, length].
function runs(row) {
  const found = [];
  row.forEach((isDark, x) => {
    const last = found.at(-1);
    if (!isDark) return;
    if (last && last[0] + last[1] === x) last[1] += 1;
    else found.push([x, 1]);
  });
  return found;
}
