//! The plots of the page, as SVG.

use std::path::Path;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};
use plotters::prelude::*;

use crate::run::Run;

const SIZE: (u32, u32) = (760, 460);
const FONT: &str = "sans-serif";
/// For readers who tell some colours apart badly (Okabe and Ito).
const COLOURS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(230, 159, 0),
    RGBColor(90, 90, 90),
];

/// A line: its name, whether it is ours, and its points.
struct Line {
    name: String,
    ours: bool,
    points: Vec<(f64, f64)>,
}

impl Line {
    fn new(name: &str, ours: bool, points: impl Iterator<Item = (f64, f64)>) -> Line {
        Line {
            name: name.into(),
            ours,
            points: points.collect(),
        }
    }
}

/// An axis of powers of ten, each tick where there is something to read.
struct Ticks {
    from: f64,
    to: f64,
    at: Vec<f64>,
    unit: fn(f64) -> String,
}

impl Ranged for Ticks {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    #[expect(clippy::cast_possible_truncation, reason = "pixels")]
    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        let share = (value / self.from).ln() / (self.to / self.from).ln();
        let (low, high) = (f64::from(limit.0), f64::from(limit.1));
        share.mul_add(high - low, low).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.at.clone()
    }

    fn range(&self) -> std::ops::Range<f64> {
        self.from..self.to
    }
}

impl ValueFormatter<f64> for Ticks {
    fn format_ext(&self, value: &f64) -> String {
        (self.unit)(*value)
    }
}

/// The powers of ten around all of these, and what is needed of their neighbours.
fn ticks(values: impl Iterator<Item = f64> + Clone, unit: fn(f64) -> String) -> Ticks {
    let least = values.clone().fold(f64::INFINITY, f64::min);
    let most = values.fold(0.0, f64::max);
    let (from, to) = (least / 1.3, most * 1.3);
    let powers = (-3..12).map(|power| 10_f64.powi(power));
    let fine = to / from < 200.0;
    let steps: &[f64] = if fine { &[1.0, 2.0, 5.0] } else { &[1.0] };
    let all = powers.flat_map(|power| steps.iter().map(move |step| step * power));
    Ticks {
        from,
        to,
        at: all.filter(|at| (from..=to).contains(at)).collect(),
        unit,
    }
}

struct Plot<'a> {
    file: &'a str,
    title: &'a str,
    x: (&'a str, fn(f64) -> String),
    y: (&'a str, fn(f64) -> String),
    lines: Vec<Line>,
}

impl Plot<'_> {
    fn draw(&self, folder: &Path) {
        let path = folder.join(self.file);
        let area = SVGBackend::new(&path, SIZE).into_drawing_area();
        area.fill(&WHITE).unwrap();
        let points = self.lines.iter().flat_map(|line| line.points.iter());
        let mut x = ticks(points.clone().map(|(x, _)| *x), self.x.1);
        // What was measured, and no more.
        x.at = points.clone().map(|(x, _)| *x).collect();
        x.at.sort_by(f64::total_cmp);
        x.at.dedup();
        let y = ticks(points.map(|(_, y)| *y), self.y.1);
        let (plot, legend) = area.split_horizontally(SIZE.0 - 230);
        let mut chart = ChartBuilder::on(&plot)
            .caption(self.title, (FONT, 17))
            .margin(14)
            .x_label_area_size(46)
            .y_label_area_size(74)
            .build_cartesian_2d(x, y)
            .unwrap();
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(RGBColor(225, 225, 225))
            .x_desc(self.x.0)
            .y_desc(self.y.0)
            .label_style((FONT, 13))
            .axis_desc_style((FONT, 14))
            .draw()
            .unwrap();
        for (line, colour) in self.lines.iter().zip(COLOURS.iter().cycle()) {
            let width = if line.ours { 3 } else { 1 };
            let style = colour.stroke_width(width);
            chart
                .draw_series(LineSeries::new(line.points.iter().copied(), style))
                .unwrap();
            let dot = |point: &(f64, f64)| Circle::new(*point, 4, colour.filled());
            chart.draw_series(line.points.iter().map(dot)).unwrap();
        }
        // At the side, where it hides nothing; in the order of the lines' right ends.
        let mut order: Vec<(&Line, &RGBColor)> =
            self.lines.iter().zip(COLOURS.iter().cycle()).collect();
        let end = |line: &Line| line.points.last().map_or(0.0, |(_, y)| *y);
        order.sort_by(|(a, _), (b, _)| end(b).total_cmp(&end(a)));
        let mut top = 56;
        for (line, colour) in order {
            let width = if line.ours { 3 } else { 1 };
            let stroke = colour.stroke_width(width);
            legend
                .draw(&PathElement::new([(4, top), (28, top)], stroke))
                .unwrap();
            legend
                .draw(&Circle::new((16, top), 4, colour.filled()))
                .unwrap();
            let text = Text::new(line.name.clone(), (36, top - 7), (FONT, 13));
            legend.draw(&text).unwrap();
            top += 24;
        }
        area.present().unwrap();
    }
}

fn number(n: f64) -> String {
    match n {
        n if n >= 1e6 => format!("{} M", n / 1e6),
        n if n >= 1e3 => format!("{} k", n / 1e3),
        n => format!("{n}"),
    }
}

fn bytes(n: f64) -> String {
    let kib = n / 1024.0;
    if kib < 1024.0 {
        format!("{kib} KiB")
    } else {
        format!("{} MiB", kib / 1024.0)
    }
}

fn time(ns: f64) -> String {
    match ns {
        n if n >= 1e9 => format!("{} s", n / 1e9),
        n if n >= 1e6 => format!("{} ms", n / 1e6),
        n if n >= 1e3 => format!("{} us", n / 1e3),
        n => format!("{n} ns"),
    }
}

/// All plots.
pub(crate) fn draw_all(run: &Run, folder: &Path) {
    scan(run).draw(folder);
    hints(run).draw(folder);
    receivers(run).draw(folder);
    bulk(run, "seal").draw(folder);
    bulk(run, "open").draw(folder);
}

fn scan(run: &Run) -> Plot<'static> {
    let keys = [1, 10, 100, 1000];
    let mut lines = Vec::new();
    for slots in [4, 16, 64] {
        let ours = keys.map(|k| (f64::from(k), 1e9 / run.scan(k, slots)));
        let name = format!("wcmp, {slots} slots");
        lines.push(Line::new(&name, true, ours.into_iter()));
    }
    for slots in [4, 16, 64] {
        let peer = keys.map(|k| (f64::from(k), 1e9 / run.stack("postcard", k, slots)));
        let name = format!("ready-made parts, {slots} slots");
        lines.push(Line::new(&name, false, peer.into_iter()));
    }
    Plot {
        file: "scan.svg",
        title: "Envelopes scanned a second, one core",
        x: ("keys", number),
        y: ("envelopes a second", number),
        lines,
    }
}

fn hints(run: &Run) -> Plot<'static> {
    let sides = [
        ("wcmp, SHA extensions", true),
        ("wcmp, AVX2", true),
        ("wcmp, portable", true),
        ("hmac + sha2, cloned state", false),
        ("ring, key reused", false),
        ("aws-lc-rs, key reused", false),
    ];
    let line = |(side, ours)| {
        let points = [1, 4, 10, 100].into_iter().filter_map(|keys| {
            let group = format!("one hint, {keys} keys");
            Some((f64::from(keys), run.find(&group, side)?))
        });
        Line::new(side, ours, points)
    };
    Plot {
        file: "hints.svg",
        title: "Time of one hint",
        x: ("keys", number),
        y: ("per key and envelope", time),
        lines: sides
            .map(line)
            .into_iter()
            .filter(|line| !line.points.is_empty())
            .collect(),
    }
}

const SEALERS: [(&str, bool); 5] = [
    ("wcmp, RustCrypto", true),
    ("wcmp, fastest provider", true),
    ("age 0.11", false),
    ("hpke 0.15", false),
    ("crypto_box 0.9", false),
];

fn receivers(run: &Run) -> Plot<'static> {
    let line = |(side, ours)| {
        let point = |receivers| {
            let group = format!("seal 1 KiB for {receivers}");
            (f64::from(receivers), run.get(&group, side))
        };
        Line::new(side, ours, [1, 10, 100, 1000].map(point).into_iter())
    };
    Plot {
        file: "seal.svg",
        title: "Sealing 1 KiB",
        x: ("receivers", number),
        y: ("time", time),
        lines: SEALERS.map(line).into(),
    }
}

fn bulk(run: &Run, job: &str) -> Plot<'static> {
    let sealing = job == "seal";
    let line = |(side, ours)| {
        let side = match side {
            "age 0.11" if !sealing => "age 0.11 (new_buffered)",
            side => side,
        };
        let point = |(size, bytes)| {
            let group = if sealing {
                format!("seal {size} for 1")
            } else {
                format!("open {size} as the last of 1")
            };
            (bytes, bytes / run.get(&group, side) * 1e3)
        };
        let sizes = [
            ("1 KiB", 1024.0),
            ("64 KiB", 65_536.0),
            ("15 MiB", 15_728_640.0),
        ];
        Line::new(side, ours, sizes.map(point).into_iter())
    };
    Plot {
        file: if sealing {
            "seal-bulk.svg"
        } else {
            "open-bulk.svg"
        },
        title: if sealing {
            "Sealing for one receiver"
        } else {
            "Opening"
        },
        x: ("bytes of the message", bytes),
        y: ("MB a second", number),
        lines: SEALERS.map(line).into(),
    }
}
