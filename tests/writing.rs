//! Recipes written to without an editor, and pages woven for elsewhere, through the real program on the sample's photos; nothing is trained.

use std::fs;
use std::path::Path;
use std::process::Output;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use toji::base::progress::Silent;
use toji::base::{Cancel, Clock, Time, Value};
use toji::dag::Queue;
use toji::learn::backbone::hub::Hub;
use toji::learn::ops::Processor;
use toji::session::brew::{Manner, brew};
use toji::session::survey::Survey;
use toji::session::{self as opened, Load, Photos, Surroundings};

use crate::project::{Project, QUICK};

fn failure(out: &Output) -> (i32, String) {
    (out.status.code().unwrap(), String::from_utf8_lossy(&out.stderr).into_owned())
}

fn text(project: &Project) -> String {
    fs::read_to_string(project.path("recipes/quick.md")).unwrap()
}

#[test]
fn set_changes_one_value_and_says_what_runs() {
    let project = Project::new();
    let written = QUICK.replace("margin = 17.2\n", "margin  =  17.2   # 度\n").replace('\n', "\r\n");
    project.write("recipes/quick.md", &written);
    let told = project.json(&["set", "quick", "loss.margin", "22.9", "--dry-run"]).remove(0);
    assert_eq!((told["change"].as_str(), told["written"].as_bool()), (Some("loss.margin 17.2 → 22.9"), Some(false)));
    assert!(told["would_run"].as_array().unwrap().iter().any(|step| step["stage"] == "fit fold 0"), "{told}");
    assert_eq!(text(&project), written, "a dry run writes nothing");

    project.json(&["set", "quick", "loss.margin", "22.9"]);
    assert_eq!(text(&project), written.replace("17.2", "22.9"));
    project.json(&["set", "quick", "post.steps[1].k", "5"]);
    project.json(&["set", "quick", "augment.train[0].scale", "[0.7, 1.0]"]);
    assert!(text(&project).contains("k = 5 }]\r\n") && text(&project).contains("scale = [0.7, 1.0] }]\r\n"));

    let before = text(&project);
    let (code, said) = failure(&project.toji(&["set", "quick", "loss.margin", "900"]));
    assert!(
        code == 2 && said.contains("quick.md:17:12") && said.contains("180") && said.contains("nothing was written"),
        "{code} {said}"
    );
    let (code, said) = failure(&project.toji(&["set", "quick", "post.steps[0].dim", "64"]));
    assert!(code == 1 && said.contains("32"), "what only the tables together show is asked too: {code} {said}");
    let (code, said) = failure(&project.toji(&["set", "quick", "loss.margn", "9"]));
    assert!(code == 2 && said.contains("did you mean `loss.margin`?"), "{code} {said}");
    assert_eq!(text(&project), before);

    let child = "# Child\n\n```toml\n[recipe]\nextends = \"quick.md\"\n```\n";
    project.write("recipes/child.md", child);
    let (code, said) = failure(&project.toji(&["set", "child", "loss.margin", "11"]));
    assert!(code == 2 && said.contains("22.9 by quick.md:17") && said.contains("--add"), "{code} {said}");
    project.json(&["set", "child", "loss.margin", "11", "--add"]);
    let now = fs::read_to_string(project.path("recipes/child.md")).unwrap();
    assert_eq!(now, format!("{child}\n```toml\n[loss]\nmargin = 11\n```\n"));
}

#[test]
fn a_note_runs_nothing() {
    let project = Project::new();
    let before = project.json(&["plan", "quick", "--untimed"]);
    let told = project.json(&["note", "quick", "22.9 lost.\n```toml\n[loss]\nmargin = 1\n```\n獺祭"]).remove(0);
    assert!(told["note"].as_str().unwrap().starts_with("> **20"), "{told}");
    assert!(text(&project).starts_with(QUICK) && text(&project).ends_with("> 獺祭\n"));
    project.json(&["note", "quick", "two", "words"]);
    assert!(text(&project).contains(" UTC** two words\n"));
    let keys = |steps: &[serde_json::Value]| steps.iter().map(|step| step["key"].clone()).collect::<Vec<_>>();
    assert_eq!(keys(&project.json(&["plan", "quick", "--untimed"])), keys(&before));
    let (code, said) = failure(&project.toji(&["note", "quick", "  "]));
    assert!(code == 2 && said.contains("needs a text"), "{said}");
    // What is no recipe is left alone, and a file that happens to have a recipe's name is none.
    project.write("quick", "mine\n");
    project.write("story.md", "# Mine\n\nNo cell.\n");
    let facts = fs::read_to_string(project.path("toji.toml")).unwrap();
    for (name, why) in [("toji.toml", "no recipe is called"), ("story.md", "has no cell")] {
        let (code, said) = failure(&project.toji(&["note", name, "hi"]));
        assert!(code != 0 && said.contains(why), "{code} {said}");
    }
    project.json(&["note", "quick", "three"]);
    assert!(text(&project).contains(" UTC** three\n"));
    assert_eq!(fs::read_to_string(project.path("quick")).unwrap(), "mine\n");
    assert_eq!(fs::read_to_string(project.path("story.md")).unwrap(), "# Mine\n\nNo cell.\n");
    assert_eq!(fs::read_to_string(project.path("toji.toml")).unwrap(), facts);
}

#[test]
fn a_parents_prose_starts_no_child_and_its_value_does() {
    let project = Project::new();
    let facts = fs::read_to_string(project.path("toji.toml")).unwrap();
    project.write(
        "toji.toml",
        &facts.replace("first = \"00-first-pour.md\"", "").replace("auto_seconds = 10", "auto_seconds = 1000"),
    );
    let around = Surroundings {
        clock: Arc::new(System),
        machine: "box".to_owned(),
        processor: Processor::cpu(),
        threads: 1,
        pid: std::process::id(),
        command: Vec::new(),
        hub: Hub::from_environment(&|_| None),
        facts: Arc::new(|_| Value::table()),
        load: Arc::new(Load::default),
        prints: Arc::new(|_, _| ()),
    };
    // In these surroundings, so that it is known what a training takes here.
    let opened = opened::Project::open(&project.path(""), &around).unwrap_or_else(|found| panic!("{found:?}"));
    let photos = Photos::read(&opened, &Silent, &Cancel::new()).unwrap();
    let quick = opened.recipe("quick").unwrap();
    let rung = quick.rung(None).unwrap();
    brew(&opened, &quick, &photos, &rung, Manner::default(), &|_| {}, &Cancel::new()).unwrap();
    project
        .write("recipes/child.md", "# Child\n\n```toml\n[recipe]\nextends = \"quick.md\"\n\n[loss]\nscale = 20\n```\n");
    let mut survey = Survey::new(&project.path(""), &around, Arc::new(|_| Ok(())));
    let look = |survey: &mut Survey| drop(survey.look(&|_| (), &Cancel::new()));
    let asked = || {
        let jobs = Queue::open(&project.path(".toji"), "box").waiting();
        jobs.into_iter().map(|job| job.recipe).collect::<Vec<_>>()
    };
    look(&mut survey);
    assert!(asked().is_empty(), "a start asks for nothing");
    project.json(&["note", "quick", "only words"]);
    look(&mut survey);
    assert!(asked().is_empty(), "{:?}", asked());
    project.json(&["set", "quick", "post.steps[1].k", "5"]);
    look(&mut survey);
    assert!(asked().contains(&"child".to_owned()), "{:?}", asked());
}

struct System;

impl Clock for System {
    fn now(&self) -> Time {
        Time(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64())
    }
}

/// The relative targets of links and pictures in a page.
fn targets(page: &str) -> Vec<String> {
    let all = page.split("](").skip(1).filter_map(|rest| Some(rest.split(')').next()?.to_owned()));
    all.filter(|target| !target.contains(':') && !target.starts_with('#')).collect()
}

#[test]
fn a_page_is_woven_without_training() {
    let project = Project::new();
    let story =
        "# 純米 Quick\n\nBetter than [the baseline](01-baseline.md); see ![it](../data/sample/images/1000001.jpg).\n";
    project.write("recipes/quick.md", &QUICK.replace("# Quick\n", story));
    let told = project.json(&["weave", "quick", "--out", "docs/pages/quick.md"]).remove(0);
    let out = project.path("docs/pages/quick.md");
    let page = fs::read_to_string(&out).unwrap();
    for said in [
        "# 純米 Quick",
        "It has no score yet.",
        "<details><summary>Plan: ",
        "| fit fold 0 | run |",
        "**fit**: not made yet",
        "**score**: not made yet",
        "| fold | train | queries | gallery |",
        "M parameters",
        "```toml\n[recipe]\nseed = 3\n",
    ] {
        assert!(page.contains(said), "{said}:\n{page}");
    }
    let links = targets(&page);
    assert!(links.len() >= 4, "{links:?}");
    for link in &links {
        let target = out.parent().unwrap().join(link.replace("%20", " "));
        assert!(target.is_file(), "{link} leads nowhere");
    }
    let pictures = told["pictures"].as_array().unwrap();
    assert!(pictures.iter().any(|name| name.as_str().unwrap().starts_with("quick-augment-")), "{told}");
    let png = image::open(out.parent().unwrap().join(pictures[0].as_str().unwrap())).unwrap();
    assert!(png.width() > 8 * 32);

    project.json(&["weave", "quick", "--rung", "smoke"]);
    let page = fs::read_to_string(project.path("woven/quick.md")).unwrap();
    assert!(page.contains("up to smoke"), "{page}");
    let (code, said) = failure(&project.toji(&["weave", "quick", "--out", "recipes/woven.md"]));
    assert!(code == 2 && said.contains("taken for a recipe"), "{said}");
    let (code, said) = failure(&project.toji(&["weave", "quick", "--out", "page.html"]));
    assert!(code == 2 && said.contains(".md"), "{said}");
    assert!(!Path::new(&project.path("recipes/woven.md")).exists());
    // What somebody else wrote stays, also under the name of a picture beside the page; a page gives way to a page.
    project.write("docs/mine.md", "# Mine\n");
    let (code, said) = failure(&project.toji(&["weave", "quick", "--out", "docs/mine.md"]));
    assert!(code == 1 && said.contains("nothing was written"), "{said}");
    assert_eq!(fs::read_to_string(project.path("docs/mine.md")).unwrap(), "# Mine\n");
    project.json(&["weave", "quick", "--out", "docs/pages/quick.md"]);
    let name = pictures[0].as_str().unwrap();
    let beside = out.parent().unwrap().join(name);
    fs::copy(project.path("docs/mine.md"), &beside).unwrap();
    let (code, said) = failure(&project.toji(&["weave", "quick", "--out", "docs/pages/quick.md"]));
    assert!(code == 1 && said.contains(name), "{said}");
    for args in [["sheet", "--out", "docs/mine.html"], ["sheet", "--out", "toji.toml"]] {
        project.write("docs/mine.html", "<!doctype html><p>mine");
        let before = fs::read(project.path(args[2])).unwrap();
        let (code, said) = failure(&project.toji(&args));
        assert!(code != 0 && !said.is_empty(), "{said}");
        assert_eq!(fs::read(project.path(args[2])).unwrap(), before);
    }
    project.json(&["sheet", "--out", "docs/new.html"]);
    project.json(&["sheet", "--out", "docs/new.html"]);
}
