//! `toji doctor`: what the program found around itself.
//!
//! Takes the terminal, the machine and the project as they are; says what each is and, for pictures, why they are shown as
//! they are, and what to do where something will hurt. It changes nothing, and only a wrong use fails: what it finds is the answer.

use serde_json::{Value as Json, json};
use toji::base::text::{pad, plain};
use toji::book::{self, Diagnostic, Look};
use toji::session::Project;
use toji::session::project::TOJI;

use super::failure::Failure;
use super::{Context, config, surroundings};
use crate::tui::{self, Charset, Colour, Options};

/// Says what was found.
pub fn doctor(context: &Context) -> Result<(), Failure> {
    let options = surroundings::terminal()?;
    let found = if surroundings::is_interactive() { Some(tui::inspect(&options)?) } else { None };
    let root = context.root();
    let project = root.as_ref().ok().map(|root| (root, Project::open(root, &context.around)));
    let problem = match &project {
        Some((_, Ok(_))) => None,
        Some((_, Err(found))) => Some(found.first().map_or_else(String::new, |first| first.message.clone())),
        None => root.as_ref().err().map(|_| "there is no toji.toml here or above".to_owned()),
    };
    let recipes = project.as_ref().and_then(|(_, project)| Some(project.as_ref().ok()?.recipes().len()));
    let folder = project.as_ref().map_or_else(|| context.here.clone(), |(root, _)| root.to_path_buf());
    let free = surroundings::free(&folder.join(TOJI)).or_else(|| surroundings::free(&folder));
    // The folders that a workbench watches: the project's, recipes, data, and three of runs and queue.
    let findings = surroundings::system::findings(&folder, 6, free);
    let processor = &context.around.processor;
    let (devices, displaced) = (devices(context), processor.displaced());
    let config = config::read();
    if context.say.is_json() {
        context.say.json(&json!({
            "terminal": found.as_ref().map(|found| json!({
                "name": found.name,
                "columns": found.cells.width, "rows": found.cells.height,
                "width": found.pixels.width, "height": found.pixels.height,
                "colours": colours(&options).0, "charset": charset(&options),
                "round_trip": found.round_trip.map(|time| time.as_secs_f64()),
            })),
            "pictures": found.as_ref().map(|found| json!({
                "protocol": found.pictures.way.protocol.name(), "why": found.pictures.why,
            })),
            "tmux": options.tmux.map_or(Json::Null, |tmux| json!({ "passthrough": tmux.passthrough })),
            "devices": devices, "displaced": displaced, "threads": context.around.threads,
            "project": { "folder": folder.display().to_string(), "recipes": recipes, "problem": problem },
            "free": free, "findings": findings,
            "config": match &config {
                Ok(config) => json!({
                    "file": config.file.as_ref().map(|file| file.display().to_string()), "found": config.is_there,
                    "on_event": config.on_event, "problems": [],
                }),
                Err(found) => json!({
                    "file": surroundings::config_file().map(|file| file.display().to_string()), "found": true,
                    "on_event": null, "problems": found,
                }),
            },
        }));
        return Ok(());
    }
    let line = |name: &str, text: &str| context.say.line(&format!("{}{}", pad(name, 12), plain(text)));
    match &found {
        Some(found) => {
            let (cells, pixels) = (found.cells, found.pixels);
            let size = match (pixels.width, pixels.height) {
                (0, _) | (_, 0) => "size in pixels unknown".to_owned(),
                (width, height) => format!("{width} × {height} pixels"),
            };
            let name = found.name.as_deref().unwrap_or("it does not say its name");
            line("terminal", &format!("{} × {} characters, {size}; {name}", cells.width, cells.height));
            line("colours", colours(&options).1);
            line("characters", charset(&options));
            line("pictures", &format!("{}: {}", found.pictures.way.protocol.name(), found.pictures.why));
            let after = found.round_trip.map(|time| format!("{:.1} ms to an answer", time.as_secs_f64() * 1e3));
            line("line", &after.unwrap_or_else(|| "the terminal did not answer within a second".to_owned()));
        }
        None => line("terminal", "none: input or output goes elsewhere"),
    }
    line(
        "tmux",
        match options.tmux {
            None => "not inside",
            Some(tmux) if tmux.passthrough => "inside, and it lets pictures through",
            Some(_) => "inside, and it keeps pictures back; for them: tmux set -g allow-passthrough on",
        },
    );
    let why = displaced.map(|why| format!(" ({why})")).unwrap_or_default();
    line("computes on", &format!("{}{why}", devices.join(", ")));
    line("threads", &context.around.threads.to_string());
    let opens = match (&problem, recipes) {
        (Some(problem), _) => format!("does not open: {problem}"),
        (None, recipes) => format!("opens, recipes: {}", recipes.unwrap_or(0)),
    };
    line("project", &format!("{} {opens}", folder.display()));
    for finding in &findings {
        line(finding.name, &finding.found);
        if let Some(advice) = &finding.advice {
            line("", &format!("! {advice}"));
        }
    }
    for said in of_config(&config) {
        line("config", &said);
    }
    Ok(())
}

/// Which settings of the user were read, and what they say.
fn of_config(config: &Result<config::Config, Vec<Diagnostic>>) -> Vec<String> {
    match config {
        Err(found) => book::report(found, Look::LINES).lines().map(str::to_owned).collect(),
        Ok(config) => {
            let Some(file) = &config.file else { return vec!["none: no HOME".to_owned()] };
            let file = file.display();
            vec![match (&config.on_event, config.is_there) {
                (_, false) => format!("none: {file} is not there"),
                (Some(words), true) => format!("{file}; on_event runs {}", words.join(" ")),
                (None, true) => format!("{file}; no on_event"),
            }]
        }
    }
}

/// This machine, and a card beside it.
fn devices(context: &Context) -> Vec<String> {
    let around = &context.around;
    let cpu = around.machine.rsplit_once(", ").map_or(around.machine.as_str(), |(cpu, _)| cpu).to_owned();
    let card = (!around.processor.is_cpu()).then(|| around.processor.name().to_owned());
    [cpu].into_iter().chain(card).collect()
}

/// How many colours there are, and in words.
fn colours(options: &Options) -> (u32, &'static str) {
    match options.colour {
        Colour::None => (0, "none wanted"),
        Colour::Sixteen => (16, "16"),
        Colour::Indexed => (256, "256"),
        Colour::True => (1 << 24, "24 bits"),
    }
}

fn charset(options: &Options) -> &'static str {
    match options.charset {
        Charset::Unicode => "unicode",
        Charset::Ascii => "ascii",
    }
}
