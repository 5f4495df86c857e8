// The line of a small picture. Pure geometry.

/** Size of the drawing; it is stretched to the tile. */
export const SPARK = { width: 120, height: 32 };

/**
 * The line of a small picture: one point per value, the newest right, the highest at the top.
 * @param {number[]} values
 */
export function sparkline(values) {
  if (values.length < 2) return "";
  const top = Math.max(1, ...values);
  const step = SPARK.width / (values.length - 1);
  return values.map((value, index) => `${(index * step).toFixed(1)},${(SPARK.height - 2 - (value / top) * (SPARK.height - 4)).toFixed(1)}`).join(" ");
}
