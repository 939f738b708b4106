//! Submissions beside the leaderboard, through the real program, with the synthetic host's truth.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::process::Output;

use serde_json::Value as Json;
use toji::base::Seed;
use toji::data::synth::host::{Bug, score};
use toji::score::ledger::shake::{Candidate, Split, forecast};
use toji::score::metric::Score;

use crate::project::{Project, QUICK};

const FACTS: &str = "
[leaderboard]
finals = 2
max_daily_submissions = 3
max_submissions = 20
public_share = 0.41
deadline = \"2999-12-31\"
utc_offset = 9
";

fn told(out: &Output) -> (i32, String) {
    let text = [out.stdout.as_slice(), out.stderr.as_slice()].concat();
    (out.status.code().unwrap(), String::from_utf8_lossy(&text).into_owned())
}

/// A project with facts about the leaderboard.
fn competing() -> Project {
    let project = Project::new();
    let facts = fs::read_to_string(project.path("toji.toml")).unwrap();
    project.write("toji.toml", &(facts + FACTS));
    project
}

fn submitted(project: &Project, recipe: &str) -> Json {
    project.json(&["submit", recipe]).pop().unwrap()
}

fn lines(project: &Project) -> Vec<Json> {
    let text = fs::read_to_string(project.path("ledger.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn from_the_submission_to_the_finals() {
    let project = competing();
    let refused = |args: &[&str], code: i32, said: &str| {
        let (found, text) = told(&project.toji(args));
        assert!(found == code && text.contains(said), "{args:?}: {found}: {text}");
    };
    // Nothing was made yet: what to type.
    refused(&["lb"], 0, "toji submit RECIPE");
    refused(&["lb", "add", "quick", "0.3"], 2, "no submission yet");
    refused(&["final", "mark", "quick"], 2, "no submission yet");
    assert!(!project.path("ledger.jsonl").exists());

    project.write("recipes/純米.md", &QUICK.replace("dim = 16", "dim = 8"));
    project.write("recipes/plain.md", &QUICK.replace("{ op = \"pca\", dim = 16 }, { op = \"alpha-qe\", k = 2 }", ""));
    let first = submitted(&project, "quick");
    let entry = lines(&project).pop().unwrap();
    assert_eq!((&entry["kind"], &entry["rung"]), (&Json::from("submission"), &Json::from("holdout")));
    assert_eq!(entry["folds"].as_array().unwrap().len(), 1);
    assert_eq!(entry["folds"][0], entry["cv"]);
    assert!(
        entry["post"][0].as_str().unwrap().starts_with("pca ") && entry["post"][1].as_str().unwrap().contains("k = 2")
    );
    for stage in ["data", "fold", "fit fold 0", "rank fold 0", "score", "embed host fold 0"] {
        assert!(entry["stages"][stage].is_string(), "{stage}: {}", entry["stages"]);
    }
    submitted(&project, "純米");
    submitted(&project, "plain");
    let made = fs::read(project.path("ledger.jsonl")).unwrap();
    let hash = first["file_hash"].as_str().unwrap().to_owned();

    // A number, by recipe, by hash, by file; a correction takes its place and both stay.
    let added = project.json(&["lb", "add", "quick", "0.2500", "--date", "2026-11-20"]);
    assert_eq!(
        (&added[0]["part"], &added[0]["before"], &added[0]["date"]),
        (&"public".into(), &Json::Null, &"2026-11-20".into())
    );
    assert_eq!(project.json(&["lb", "add", &hash[..6], "0.26"])[0]["before"], "0.2500");
    project.json(&["lb", "add", "submissions/純米.csv", "0.24"]);
    project.json(&["lb", "add", "quick", "0.27", "--private"]);
    let listed = project.json(&["lb"]);
    let (summary, rows) = listed.split_last().unwrap();
    let row = |recipe: &str| rows.iter().find(|row| row["recipe"] == recipe).unwrap().clone();
    assert_eq!(rows.len(), 3);
    assert_eq!((&row("quick")["public"]["text"], &row("quick")["private"]["text"]), (&"0.26".into(), &"0.27".into()));
    assert!((row("quick")["gap"].as_f64().unwrap() - (0.26 - first["cv"].as_f64().unwrap())).abs() < 1e-9);
    assert_eq!((&summary["agreement"]["pairs"], &summary["probes"]["used"]), (&2.into(), &2.into()));
    // Both were last said to be of today, in Japan.
    assert_eq!((&summary["probes"]["today"], &summary["probes"]["left_today"]), (&2.into(), &1.into()));
    assert_eq!((&summary["split"]["public"], &summary["split"]["private"]), (&31.into(), &45.into()));
    assert_eq!(summary["finals"]["best"]["hashes"].as_array().unwrap().len(), 2);
    assert!(row("plain")["forecast"]["mean"].as_f64().unwrap() > 0.0, "a common shift reaches it");
    let [low, high] = [0, 1].map(|end| row("quick")["forecast"]["interval"][end].as_f64().unwrap());
    assert!(low < 0.26 && 0.26 < high && high - low < 0.6, "{low} {high}");
    project.json(&["lb", "add", "plain", "0.2"]);
    let (code, text) = told(&project.toji(&["lb"]));
    assert!(code == 0 && text.contains("Spearman") && text.contains("too few to mean much"), "{text}");
    assert!(text.contains("3 handed in today, 0 left") && text.contains("until 2999-12-31"), "{text}");
    assert!(text.contains("best kept together"), "{text}");

    // The laboratory takes what the ledger knows by its hash.
    assert!(project.json(&["metric", "lab", &hash[..6], "--lb", "0.26"]).len() > 10);

    // Bad input is told with what to do.
    refused(&["lb", "add", "quick", "37.2"], 2, "write 0.372");
    refused(&["lb", "add", "quick", "-0.1"], 2, "0.3712");
    refused(&["lb", "add", "quick", "137"], 2, "a number from 0 to 1");
    refused(&["lb", "add", "quick", "0.3", "--date", "27.11.2026"], 2, "2026-11-27");
    refused(&["lb", "add", "quick", "0.3", "--date", "2026-02-30"], 2, "no calendar has");
    refused(&["lb", "add", "quick", "0.3", "--date", "2998-01-01"], 2, "still to come");
    refused(&["lb", "add", "nobody", "0.3"], 2, "toji lb lists them");
    refused(&["lb", "add", &hash[..3], "0.3"], 2, "too short");
    refused(&["lb", "add", "toji.toml", "0.3"], 1, "no submission of the ledger");
    // Another file whose hash begins alike.
    let other = format!("{}{}", &hash[..63], if hash.ends_with('0') { '1' } else { '0' });
    let twin = lines(&project)[0].to_string().replace(&hash, &other).replace("\"quick\"", "\"twin\"");
    let whole = fs::read_to_string(project.path("ledger.jsonl")).unwrap();
    project.write("ledger.jsonl", &format!("{whole}{twin}\n"));
    refused(&["lb", "add", &hash[..8], "0.3"], 2, "give more digits");
    project.json(&["lb", "add", &hash, "0.26"]);
    let (_, text) = told(&project.toji(&["lb"]));
    assert!(text.contains("twin"), "{text}");

    // Finals up to the limit.
    project.json(&["final", "mark", "quick"]);
    refused(&["final", "mark", "quick"], 1, "marked as final already");
    assert_eq!(project.json(&["final", "mark", "純米"])[0]["finals"].as_array().unwrap().len(), 2);
    refused(&["final", "mark", "plain"], 1, "2 of 2 final submissions are marked already");
    refused(&["final", "unmark", "plain"], 1, "is not marked");
    let text = told(&project.toji(&["final"])).1;
    assert!(text.contains("final: 2 of 2") && text.contains("純米") && text.contains("expected of the best"), "{text}");
    project.json(&["final", "unmark", "quick"]);
    project.json(&["final", "mark", "plain"]);
    let marked = project.json(&["final"])[0]["marked"].as_array().unwrap().len();
    assert_eq!(marked, 2);

    // A line that was cut short, and one that was edited: told by number, nothing else is lost.
    let whole = fs::read_to_string(project.path("ledger.jsonl")).unwrap();
    let count = whole.lines().count();
    project.write("ledger.jsonl", &format!("{whole}{{\"kind\":\"leaderboard\",\"file_ha"));
    project.json(&["lb", "add", "plain", "0.21"]);
    let notes = project.json(&["lb"]).pop().unwrap()["notes"].clone();
    assert!(notes[0].as_str().unwrap().contains(&format!("line {}: cannot be read", count + 1)), "{notes}");
    // Nothing was ever rewritten.
    assert!(fs::read(project.path("ledger.jsonl")).unwrap().starts_with(&made));
    // Without the share, there is no forecast, and why.
    let facts = fs::read_to_string(project.path("toji.toml")).unwrap();
    project.write("toji.toml", &facts.replace("public_share = 0.41\n", ""));
    assert!(told(&project.toji(&["lb"])).1.contains("public_share under [leaderboard]"));
    project.write("toji.toml", &facts.replace("2999-12-31", "soon"));
    refused(&["lb"], 2, "leaderboard.deadline");
    project.write("toji.toml", &facts.replace("0.41", "1.5").replace("finals = 2", "finals = 0"));
    refused(&["lb"], 2, "public_share");
}

/// The truth with other public and private queries.
fn redrawn(truth: &str, n: u64) -> String {
    let mut roles: Vec<&str> =
        truth.lines().filter_map(|line| line.split(',').nth(2)).filter(|r| r.starts_with('p')).collect();
    Seed::new(n).named("parts").draws().shuffle(&mut roles);
    let mut roles = roles.into_iter();
    let lines = truth.lines().map(|line| {
        let mut cells: Vec<&str> = line.split(',').collect();
        if cells[2] == "public" || cells[2] == "private" {
            cells[2] = roles.next().unwrap();
        }
        cells.join(",") + "\n"
    });
    lines.collect()
}

/// The label of each training photo by its place in the manifest, which has the training table's rows first.
fn labels(data: &Path) -> HashMap<u32, u32> {
    let text = fs::read_to_string(data.join("train.csv")).unwrap();
    let header: Vec<&str> = text.lines().next().unwrap().split(',').collect();
    let column = header.iter().position(|name| *name == "brand_id").unwrap();
    let mut numbers = HashMap::new();
    let brands = text.lines().skip(1).map(|line| line.split(',').nth(column).unwrap());
    let number = |(photo, brand)| {
        let next = numbers.len() as u32;
        (photo, *numbers.entry(brand).or_insert(next))
    };
    (0..).zip(brands).map(number).collect()
}

#[test]
fn the_forecast_covers_the_private_score_of_redrawn_splits() {
    let project = competing();
    project.json(&["submit", "quick", "--out", "s.csv"]);
    let local: Score = serde_json::from_slice(&project.artefact("score", "score.json")).unwrap();
    let data = project.path("data/sample");
    let labels = labels(&data);
    let truth = fs::read_to_string(data.join("truth.csv")).unwrap();
    let count = |role: &str| truth.lines().filter(|line| line.split(',').nth(2) == Some(role)).count();
    let split = Split { public: count("public"), private: count("private") };
    assert_eq!(split, Split { public: 31, private: 45 });
    let draws = 200;
    let (mut covered, mut width, mut gaps) = (0, 0.0, Vec::new());
    for n in 0..draws {
        project.write("truth.csv", &redrawn(&truth, n));
        let host = score(&project.path("s.csv"), &project.path("truth.csv"), Bug::None).unwrap();
        // The board shows four decimals.
        let public = (host.public * 1e4).round() / 1e4;
        let candidate = Candidate { score: &local, public: Some((public, 5e-5)) };
        let [low, high] = forecast(&[candidate], split, |photo| labels[&photo], Seed::new(0)).outlook(0).interval;
        covered += usize::from((low..=high).contains(&host.private));
        width += (high - low) / draws as f64;
        gaps.push(host.private - host.public);
    }
    // The narrowest honest interval has 3.92 deviations of what the public score leaves open, the difference of the two.
    let mean = gaps.iter().sum::<f64>() / draws as f64;
    let deviation = (gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / draws as f64).sqrt();
    let ideal = 3.92 * deviation;
    println!("covered {covered} of {draws}; {width:.3} wide, {:.2} of the ideal {ideal:.3}", width / ideal);
    assert!(covered * 100 >= 90 * draws as usize, "{covered} of {draws}");
    assert!(width < 1.35 * ideal, "{width} against {ideal}");
}
