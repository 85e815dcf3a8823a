/** Charts as SVG text, by echarts: it draws without a browser's document, on every runtime. */
import { init } from "echarts";

export interface Series {
  readonly name: string;
  /** One per category, or pairs of x and y. NaN: a gap. */
  readonly values: readonly number[] | readonly (readonly [number, number])[];
}

export interface Chart {
  readonly title: string;
  readonly subtitle?: string;
  readonly kind: "bars" | "lines";
  /** Undefined: the values are pairs. */
  readonly categories?: readonly string[];
  readonly xTitle: string;
  readonly yTitle: string;
  readonly isLogarithmic?: boolean;
  readonly series: readonly Series[];
  /** Upright lines with words. */
  readonly marks?: readonly { readonly at: number; readonly text: string }[];
}

const WIDTH = 720;
const HEIGHT = 400;
/** Apache's is grey; ours keep their colours in all charts. */
const COLOURS: Readonly<Record<string, string>> = {
  apache: "#8a8f98",
  node: "#3c873a",
  deno: "#1a6fb5",
  bun: "#d9822b",
  mixed: "#7b4fb0",
};
const OTHER_COLOURS = ["#3c873a", "#8a8f98", "#1a6fb5", "#d9822b", "#7b4fb0", "#b04f6f"];

/** The text of an SVG file, on white, so that it can be read in dark pages too. */
export function drawChart(chart: Chart): string {
  const { title, subtitle, categories, xTitle, yTitle, series, isLogarithmic = false } = chart;
  const drawing = init(null, null, { renderer: "svg", ssr: true, width: WIDTH, height: HEIGHT });
  try {
    drawing.setOption({
      animation: false,
      backgroundColor: "#ffffff",
      title: {
        text: title,
        subtext: subtitle ?? "",
        left: 16,
        top: 8,
        textStyle: { fontSize: 15 },
      },
      legend: { bottom: 6, data: series.map(({ name }) => name) },
      grid: { left: 72, right: 24, top: 64, bottom: 76 },
      xAxis: {
        type: categories === undefined ? "value" : "category",
        ...(categories === undefined ? {} : { data: [...categories] }),
        name: xTitle,
        nameLocation: "middle",
        nameGap: 26,
      },
      yAxis: {
        type: isLogarithmic ? "log" : "value",
        name: yTitle,
        nameLocation: "middle",
        nameGap: 50,
        axisLabel: { formatter: shortNumber },
      },
      series: series.map((one, index) => seriesOption(chart, one, index)),
    });
    return `${drawing.renderToSVGString()}\n`;
  } finally {
    drawing.dispose();
  }
}

function seriesOption(
  { kind, marks = [] }: Chart,
  { name, values }: Series,
  index: number,
): object {
  const colour = COLOURS[name] ?? OTHER_COLOURS[index % OTHER_COLOURS.length];
  return {
    name,
    type: kind === "bars" ? "bar" : "line",
    symbolSize: 5,
    showSymbol: values.length <= 20,
    itemStyle: { color: colour },
    lineStyle: { color: colour, width: 2 },
    data: values.map((value) =>
      typeof value === "number" && !Number.isFinite(value) ? null : value
    ),
    ...(index > 0 || marks.length === 0 ? {} : {
      markLine: {
        symbol: "none",
        silent: true,
        lineStyle: { color: "#b0413e", type: "dashed" },
        // Along its line: beside each other those of marks five seconds apart would touch.
        label: { position: "insideEndTop", fontSize: 10 },
        data: marks.map(({ at, text }) => ({ xAxis: at, label: { formatter: text } })),
      },
    }),
  };
}

/** 1500000 -> "1.5M". */
export function shortNumber(value: number): string {
  if (value >= 1e6) return `${Number((value / 1e6).toPrecision(3))}M`;
  return value >= 1e3 ? `${Number((value / 1e3).toPrecision(3))}k` : String(value);
}
