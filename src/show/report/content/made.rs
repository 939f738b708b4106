//! What it took, by what it was made, and what is missing.

use super::{Block, Cell, Mark, Plot, Row, Rows, Teller, Tone, lacking, p, plot, table};
use crate::base::text::bytes;
use crate::session::errands::report::{Gap, Lack, Took, Weights};

pub(super) fn cost(teller: &Teller<'_>) -> Vec<Block> {
    let stages = &teller.report.stages;
    let mut blocks = vec![teller.heading(p::COST)];
    let row = |took: &Took| Row {
        name: took.stage.clone(),
        value: took.seconds,
        text: teller.time(took.seconds),
        tone: Tone::Plain,
        interval: None,
    };
    let rows: Vec<Row> = stages.iter().filter(|took| took.count > 0).map(row).collect();
    if !rows.is_empty() {
        let plot = Rows { axis: teller.say(p::A_SECONDS), mark: plot::Mark::Bar, zero: false, rows };
        blocks.push(teller.figure("cost", teller.say(p::COST_FIGURE), Plot::Rows(plot)));
    }
    let mut rows: Vec<Vec<Cell>> = Vec::new();
    for took in stages {
        let missing = if took.missing > 0 { took.missing.to_string() } else { String::new() };
        rows.push(vec![
            Cell::from(took.stage.clone()),
            Cell::from(took.count.to_string()),
            Cell::from(teller.time(took.seconds)),
            Cell::from(bytes(took.bytes)),
            Cell::from(missing).marked(Mark::Worse),
            Cell::from(took.machines.join("; ")),
        ]);
    }
    let (seconds, disk) = stages.iter().fold((0.0, 0), |(s, b), took| (s + took.seconds, b + took.bytes));
    let count: usize = stages.iter().map(|took| took.count).sum();
    let all = [teller.say(p::SUM), count.to_string(), teller.time(seconds), bytes(disk), String::new(), String::new()];
    rows.push(all.map(|text| Cell::from(text).marked(Mark::Strong)).to_vec());
    let head = [p::H_STAGE, p::H_COUNT, p::H_TIME, p::H_DISK, p::H_MISSING, p::H_MACHINE];
    blocks.extend(table(teller.heads(head), rows));
    blocks.extend(teller.lack(Lack::Artefacts));
    blocks
}

pub(super) fn made(teller: &Teller<'_>) -> Vec<Block> {
    let made = &teller.report.made;
    let mut blocks = vec![teller.heading(p::MADE)];
    blocks.extend(teller.lack(Lack::Run));
    let commit = made.commit.as_ref().map(|commit| match made.dirty {
        Some(true) => teller.fill(p::M_DIRTY, &[commit]),
        _ => commit.clone(),
    });
    let command = (!made.command.is_empty()).then(|| made.command.join(" "));
    let facts = [
        (p::M_RUN, made.run.clone()),
        (p::M_COMMAND, command),
        (p::M_MACHINE, made.machine.clone()),
        (p::M_CPU, made.cpu.clone()),
        (p::M_THREADS, made.threads.clone()),
        (p::M_GPU, made.gpu.clone()),
        (p::M_OS, made.os.clone()),
        (p::M_TOJI, made.toji.clone()),
        (p::M_RUSTC, made.rustc.clone()),
        (p::M_CRATES, made.crates.clone()),
        (p::M_COMMIT, commit),
        (p::M_SEED, Some(made.seed.to_string())),
        (p::M_MANIFEST, made.manifest.clone()),
        (p::M_RECIPE, Some(made.recipe.clone())),
    ];
    let value = |value: Option<String>| {
        value.map_or_else(|| Cell::from(teller.say(p::UNKNOWN)).marked(Mark::Worse), Cell::from)
    };
    let file = made.file.iter().map(|file| vec![Cell::from(teller.say(p::M_FILE)), Cell::from(file.to_string())]);
    let facts = facts.into_iter().map(|(what, found)| vec![Cell::from(teller.say(what)), value(found)]);
    blocks.extend(table(teller.heads([p::H_WHAT, p::H_VALUE]), facts.chain(file).collect()));
    blocks.extend(teller.lack(Lack::Commit));
    blocks.push(teller.below(p::WEIGHTS));
    if made.weights.is_empty() {
        blocks.push(Block::says(teller.say(p::WEIGHTS_NONE)));
    }
    let row = |weights: &Weights| {
        let commit = weights.commit.as_ref().map(|commit| format!(" @ {commit}")).unwrap_or_default();
        let file = Cell::from(format!("{}{commit}", weights.file));
        vec![file, value(weights.hash.clone()), value(weights.licence.clone())]
    };
    let head = teller.heads([p::H_FILE, p::H_HASH_OF, p::H_LICENCE]);
    blocks.extend(table(head, made.weights.iter().map(row).collect()));
    blocks.extend(teller.lack(Lack::Licence));
    let licences = &teller.report.licences;
    let count: usize = licences.iter().map(|licence| licence.crates.len()).sum();
    let head = teller.heads([p::H_LICENCE, p::H_COUNT, p::H_WHAT]);
    let rows = licences.iter().map(|licence| {
        [licence.licence.clone(), licence.crates.len().to_string(), licence.crates.join(", ")].map(Cell::from).to_vec()
    });
    let listed = table(head, rows.collect()).into_iter().collect();
    blocks.push(Block::Details(teller.fill(p::LIBRARIES, &[&count.to_string()]), listed));
    let keys = made.keys.iter().map(|(stage, key)| vec![Cell::from(stage.clone()), Cell::from(key.to_string())]);
    let keys = table(teller.heads([p::H_STAGE, p::H_HASH_OF]), keys.collect());
    blocks.push(Block::Details(teller.say(p::KEYS), keys.into_iter().collect()));
    blocks
}

pub(super) fn missing(teller: &Teller<'_>) -> Vec<Block> {
    let gaps = &teller.report.gaps;
    let mut blocks = vec![teller.heading(p::MISSING)];
    if gaps.is_empty() {
        blocks.push(Block::says(teller.say(p::MISSING_NONE)));
        return blocks;
    }
    let row = |gap: &Gap| [teller.say(lacking(gap.what)), gap.command.clone()].map(Cell::from).to_vec();
    blocks.extend(table(teller.heads([p::H_WHAT, p::H_RECORDED_BY]), gaps.iter().map(row).collect()));
    blocks
}
