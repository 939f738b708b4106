//! What was measured, as lines, as JSON, or as a table for `benches/README.md`.

use serde_json::{Value, json};

use super::pairs::{Mode, Pair};

/// How the outcome is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A line a pair, for people.
    Lines,
    /// A JSON object a pair.
    Json,
    /// Rows of a table.
    Markdown,
}

/// The measurements of both sides of one pair.
pub struct Measured {
    /// Ours, one a round.
    pub ours: Vec<Value>,
    /// The peer's, one a round.
    pub peer: Vec<Value>,
    /// PyTorch's memory format.
    pub layout: &'static str,
}

/// Writes pair after pair, and the means at the end.
pub struct Report {
    form: Form,
    rounds: usize,
    ratios: Vec<(Mode, f64)>,
}

impl Report {
    /// Begins.
    pub fn new(form: Form, rounds: usize) -> Report {
        if form == Form::Markdown {
            println!(
                "| pair | pixels | batch | Toji | PyTorch | ratio | by processor time | step's memory | ratio | peak memory |"
            );
            println!("|---|---|---|---|---|---|---|---|---|---|");
        }
        Report { form, rounds, ratios: Vec::new() }
    }

    /// A pair that did not run.
    pub fn skip(&mut self, pair: &Pair, reason: &str) {
        match self.form {
            Form::Json => println!("{}", json!({ "name": pair.name(), "skipped": reason })),
            Form::Lines => println!("{}: skipped: {reason}", pair.name()),
            Form::Markdown => {
                println!("| {} | {} | {} | skipped: {reason} | | | | | | |", pair.name(), pair.size, pair.batch)
            }
        }
    }

    /// A pair that ran.
    pub fn add(&mut self, pair: &Pair, measured: Measured) {
        let both = |field: &str| [median(&measured.ours, field), median(&measured.peer, field)];
        let ([ours, peer], [ours_cpu, peer_cpu]) = (both("value"), both("by_processor"));
        let ([ours_peak, peer_peak], [ours_step, peer_step]) = (both("peak_mib"), both("step_mib"));
        let (ratio, by_processor) = (ours / peer, ours_cpu / peer_cpu);
        self.ratios.push((pair.mode, ratio));
        let (name, layout) = (pair.name(), measured.layout);
        let parts = [parts(&measured.ours), parts(&measured.peer)];
        match self.form {
            Form::Json => println!(
                "{}",
                json!({
                    "name": name, "unit": if pair.is_retrieval() { "rows/s" } else { "images/s" }, "ours": ours, "peer": peer, "ratio": ratio,
                    "ratio_by_processor": by_processor, "ours_peak_mib": ours_peak, "peer_peak_mib": peer_peak,
                    "ours_step_mib": ours_step, "peer_step_mib": peer_step, "peer_layout": layout,
                    "rounds": self.rounds, "ours_parts_ms": parts[0], "peer_parts_ms": parts[1],
                })
            ),
            Form::Lines if pair.is_retrieval() => println!(
                "{name}: ours {ours:.1}, peer {peer:.1} rows/s, ratio {ratio:.2} (by processor time {by_processor:.2}; memory of \
                 the work {ours_step:.0} and {peer_step:.0} MiB, of the process {ours_peak:.0} and {peer_peak:.0} MiB)"
            ),
            Form::Lines if pair.mode == Mode::Input => println!(
                "{name}: ours {ours:.1}, peer {peer:.1} pictures/s on one thread, ratio {ratio:.2} (by processor time \
                 {by_processor:.2}; memory of the process {ours_peak:.0} and {peer_peak:.0} MiB)\n  ours: {}\n  peer: {}",
                in_words(&parts[0]),
                in_words(&parts[1])
            ),
            Form::Lines => println!(
                "{name}: ours {ours:.1}, peer {peer:.1} images/s, ratio {ratio:.2} (by processor time {by_processor:.2}; memory of \
                 a step {ours_step:.0} and {peer_step:.0} MiB, of the process {ours_peak:.0} and {peer_peak:.0} MiB; PyTorch {layout})"
            ),
            Form::Markdown => println!(
                "| {name} | {} | {} | {ours:.1} | {peer:.1}{} | {ratio:.2} | {by_processor:.2} | {ours_step:.0} and {peer_step:.0} MiB \
                 | {:.2} | {ours_peak:.0} and {peer_peak:.0} MiB |",
                pair.size,
                pair.batch,
                if layout == "channels_last" { " (cl)" } else { "" },
                ours_step / peer_step,
            ),
        }
    }

    /// The means of the ratios, where there are several.
    pub fn end(&self) {
        for mode in [Mode::Train, Mode::Eval, Mode::Input] {
            let ratios: Vec<f64> = self.ratios.iter().filter(|(m, _)| *m == mode).map(|(_, ratio)| *ratio).collect();
            if ratios.len() < 2 {
                continue;
            }
            let mean = ratios.iter().sum::<f64>() / ratios.len() as f64;
            let least = ratios.iter().copied().fold(f64::INFINITY, f64::min);
            let (word, count) = (mode.word(), ratios.len());
            match self.form {
                Form::Json => {
                    println!("{}", json!({ "mode": word, "pairs": count, "mean_ratio": mean, "least_ratio": least }))
                }
                Form::Lines => println!("{word}: mean ratio {mean:.2} of {count} pairs, least {least:.2}"),
                Form::Markdown => println!("\n{word}: mean ratio {mean:.2} of {count} pairs, least {least:.2}"),
            }
        }
    }
}

/// The median milliseconds of each part, where a side has parts.
fn parts(side: &[Value]) -> Value {
    let names = side.first().and_then(|first| first["parts"].as_object()).map(|parts| parts.keys());
    let of = |name: &String| {
        let all: Vec<Value> = side.iter().map(|one| json!({ "part": one["parts"][name] })).collect();
        (name.clone(), json!(median(&all, "part")))
    };
    names.map_or(Value::Null, |names| Value::Object(names.map(of).collect()))
}

/// `crop 0.21 ms, decode 1.30 ms`.
fn in_words(parts: &Value) -> String {
    let each = parts.as_object().into_iter().flatten();
    each.map(|(name, ms)| format!("{name} {:.2} ms", ms.as_f64().unwrap_or(f64::NAN))).collect::<Vec<_>>().join(", ")
}

fn median(side: &[Value], field: &str) -> f64 {
    let mut values: Vec<f64> = side.iter().filter_map(|v| v[field].as_f64()).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
