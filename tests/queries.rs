//! `toji queries` and `toji sheet` by the real program: a trained recipe's queries beside another's, photos as PNG and HTML.

use std::fs;

use serde_json::Value as Json;

use crate::project::{Project, QUICK};

/// What the program said on stderr, refused.
fn refused(project: &Project, args: &[&str]) -> String {
    let out = project.toji(args);
    assert!(!out.status.success(), "{args:?}");
    String::from_utf8_lossy(&out.stderr).into_owned()
}

#[test]
fn queries_are_those_that_the_score_counts_and_two_recipes_are_paired() {
    let project = Project::new();
    project.write("recipes/other.md", &QUICK.replace("seed = 3", "seed = 4"));
    let text = refused(&project, &["queries", "quick"]);
    assert!(text.contains("toji run quick --rung holdout makes them"), "{text}");
    assert!(!project.path(".toji/store/fit").exists(), "nothing is trained");
    let score = |name: &str| project.json(&["run", name]).last().unwrap()["score"].as_f64().unwrap();
    let (quick, other) = (score("quick"), score("other"));

    let said = project.json(&["queries", "quick", "--limit", "100000"]);
    let (sum, queries) = said.split_last().unwrap();
    assert!((sum["value"].as_f64().unwrap() - quick).abs() < 1e-9, "{sum} {quick}");
    assert_eq!(sum["queries"], queries.len());
    let value = |query: &Json| query["value"].as_f64().unwrap();
    let mean = queries.iter().map(value).sum::<f64>() / queries.len() as f64;
    assert!((mean - quick).abs() < 1e-6, "{mean} {quick}");
    assert!(queries.windows(2).all(|pair| value(&pair[0]) <= value(&pair[1])), "the worst first");
    for query in queries {
        let answers = query["answers"].as_array().unwrap();
        let hits = answers.iter().map(|answer| {
            assert_eq!(answer["hit"], answer["label"] == query["label"], "{query}");
            assert_ne!(answer["id"], query["id"]);
            answer["hit"].as_bool().unwrap()
        });
        let first = hits.collect::<Vec<bool>>().iter().position(|hit| *hit).map(|place| place + 1);
        assert_eq!(query["first"].as_u64(), first.map(|first| first as u64), "{query}");
        let worth = first.map_or(0.0, |first| 1.0 / first as f64);
        assert!((value(query) - worth).abs() < 1e-6, "MRR: {query}");
    }

    let said = project.json(&["queries", "other", "--against", "quick", "--sort", "lost", "--limit", "100000"]);
    let (sum, paired) = said.split_last().unwrap();
    let beside = &sum["beside"];
    let gain = beside["own"].as_f64().unwrap() - beside["other"].as_f64().unwrap();
    assert!((gain - (other - quick)).abs() < 1e-6, "{sum}");
    let change = |query: &Json| value(query) - query["other"]["value"].as_f64().unwrap();
    assert!(paired.windows(2).all(|pair| change(&pair[0]) <= change(&pair[1]) + 1e-9), "what was lost most first");
    assert_eq!(beside["lost"], paired.iter().filter(|query| change(query) < 0.0).count());
    let of_quick = |id: &Json| queries.iter().find(|query| query["id"] == *id).unwrap();
    assert!(paired.iter().all(|query| query["other"]["first"] == of_quick(&query["id"])["first"]));

    let folds = QUICK.replace("k = 4", "k = 3");
    project.write("recipes/folds.md", &folds);
    project.json(&["run", "folds", "--rung", "smoke"]);
    project.json(&["run", "quick", "--rung", "smoke"]);
    let text = refused(&project, &["queries", "folds", "--rung", "smoke", "--against", "quick"]);
    assert!(text.contains("quick examines other queries"), "{text}");
    assert!(refused(&project, &["queries", "quick", "--sort", "lost"]).contains("--against"));

    // The same pairs side by side.
    let said = project.json(&["compare", "quick", "other"]);
    let side = |name: &str| said.iter().find(|line| line["recipe"] == name).unwrap();
    assert!(side("quick")["delta"].is_null() && side("quick")["cost"]["seconds"].as_f64().unwrap() > 0.0);
    let delta = &side("other")["delta"];
    assert!((delta["value"].as_f64().unwrap() - (other - quick)).abs() < 1e-6, "{delta}");
    let [wins, ties, losses] = [0, 1, 2].map(|i| delta["wins_ties_losses"][i].as_u64().unwrap());
    assert_eq!((wins, losses), (beside["won"].as_u64().unwrap(), beside["lost"].as_u64().unwrap()));
    assert_eq!(wins + ties + losses, queries.len() as u64);
    let keys: Vec<&Json> = said.iter().filter(|line| line["key"].is_string()).collect();
    assert_eq!(keys.len(), 1, "{keys:?}");
    assert_eq!((&keys[0]["key"], &keys[0]["values"]), (&"[recipe] seed".into(), &serde_json::json!(["3", "4"])));
    let moved: Vec<&Json> = said.iter().filter(|line| line["training"].is_string()).collect();
    assert_eq!(moved.len() as u64, wins + losses);
    let size = |line: &Json| (line["value"][1].as_f64().unwrap() - line["value"][0].as_f64().unwrap()).abs();
    assert!(moved.windows(2).all(|pair| size(pair[0]) >= size(pair[1]) - 1e-6), "the most moved first");
    let found = |id: &Json| queries.iter().find(|query| query["id"] == *id).unwrap();
    assert!(moved.iter().all(|line| line["first"][0] == found(&line["id"])["first"]));
    let text = String::from_utf8(project.toji(&["compare", "quick", "other"]).stdout).unwrap();
    assert!(text.contains("[recipe] seed") && text.contains("wins / ties / losses"), "{text}");
    assert!(refused(&project, &["compare", "quick", "quick"]).contains("quick is named twice"));
    assert!(refused(&project, &["compare", "quick"]).contains("2"), "one recipe is no comparison");
    let said = project.json(&["compare", "quick", "folds"]);
    let side = said.iter().find(|line| line["recipe"] == "folds").unwrap();
    assert!(side["why"].as_str().unwrap().contains("it examines other queries than quick"), "{side}");

    // As text and as pages.
    let out = project.toji(&["queries", "quick", "--limit", "3", "--answers", "2"]);
    let text = String::from_utf8(out.stdout).unwrap();
    assert_eq!(text.lines().filter(|line| line.starts_with("first hit")).count(), 3, "{text}");
    assert_eq!(text.lines().filter(|line| line.trim_start().starts_with(['1', '2'])).count(), 6, "{text}");
    let out = project.toji(&["queries", "other", "--against", "quick", "--limit", "1"]);
    let text = String::from_utf8(out.stdout).unwrap();
    assert_eq!(text.lines().next().unwrap().matches("(was ").count(), 2, "{text}");
    project.json(&["queries", "quick", "--limit", "2", "--answers", "4", "--out", "worst.html"]);
    let page = fs::read_to_string(project.path("worst.html")).unwrap();
    assert_eq!(page.matches("<img ").count(), 2 * 5);
    assert!(page.contains("<b>query</b>") && page.contains("<b>miss</b>"));
    project.json(&["queries", "other", "--against", "quick", "--limit", "2", "--out", "changed.png"]);
    assert!(image::open(project.path("changed.png")).unwrap().height() > 300);
    let id = queries[0]["id"].as_str().unwrap();
    let said = project.json(&["sheet", "--query", id, "--recipe", "quick", "--out", "one.html"]);
    assert_eq!(said[0]["shown"], 21);
    assert!(refused(&project, &["sheet", "--query", "nobody", "--recipe", "quick"]).contains("is no query of quick"));
}

#[test]
fn why_an_answer_stands_where_it_does_is_found_by_the_network_that_answered() {
    let project = Project::new();
    // Pictures that leave the last map some places, and no step behind the search.
    let steps = "[post]\nsteps = [{ op = \"pca\", dim = 16 }, { op = \"alpha-qe\", k = 2 }]\n";
    let plain = QUICK.replace(steps, "").replace("[32, 32]", "[96, 96]").replace("epochs = 3", "epochs = 1");
    assert!(!plain.contains("[post]"));
    project.write("recipes/plain.md", &plain);
    project.json(&["run", "plain"]);
    let said = project.json(&["queries", "plain", "--limit", "1"]);
    let (query, answer) = (said[0]["id"].as_str().unwrap(), &said[0]["answers"][2]);
    let asked = format!("{query}:3");
    let found = &project.json(&["queries", "plain", "--why", &asked])[0];
    assert_eq!((&found["query"]["id"], &found["answer"]["id"]), (&said[0]["id"], &answer["id"]));
    assert_eq!(
        (&found["rank"], &found["hit"], &found["training"]),
        (&answer["rank"], &answer["hit"], &said[0]["training"])
    );
    // The same network, seen once more: without post steps the list's own number is this cosine, and the places add up to it.
    let number = |value: &Json| value.as_f64().unwrap();
    let cosine = number(&found["cosine"]);
    assert!((cosine - number(&answer["similarity"])).abs() < 1e-4, "{found}");
    assert_eq!(found["exact"], true);
    let places = number(&found["map"][0]) as usize * number(&found["map"][1]) as usize;
    for shares in found["shares"].as_array().unwrap() {
        let shares = shares.as_array().unwrap();
        assert!((shares.iter().map(number).sum::<f64>() - cosine).abs() < 1e-3 && shares.len() == places, "{found}");
    }
    let pairs = found["pairs"].as_array().unwrap();
    assert!(!pairs.is_empty() && pairs.windows(2).all(|pair| number(&pair[0]["share"]) >= number(&pair[1]["share"])));
    let few = &project.json(&["queries", "plain", "--why", &asked, "--pairs", "1"])[0];
    assert_eq!(few["pairs"].as_array().unwrap()[..], pairs[..1]);

    // As text, as pages, and as the line that the workbench reads.
    let out = project.toji(&["queries", "plain", "--why", query]);
    let text = String::from_utf8(out.stdout).unwrap();
    assert!(text.contains("answer 1 ") && text.contains("  1  query row "), "{text}");
    project.json(&["queries", "plain", "--why", &asked, "--out", "why.html"]);
    assert_eq!(fs::read_to_string(project.path("why.html")).unwrap().matches("<img ").count(), 4);
    project.json(&["queries", "plain", "--why", &asked, "--out", "why.png"]);
    assert!(image::open(project.path("why.png")).unwrap().height() > 500);
    let out = project.toji(&["queries", "plain", "--why", &asked, "--training", "fold 0", "--pixels"]);
    let why =
        toji::session::errands::looking::why::Why::of_line(String::from_utf8(out.stdout).unwrap().trim()).unwrap();
    let [a, b] = why.pictures.unwrap();
    assert!((a.width, a.height) == (b.width, b.height) && a.rgb != b.rgb && a.rgb.iter().any(|value| *value > 0));

    assert!(refused(&project, &["queries", "plain", "--why", "nobody:2"]).contains("no query has the id \"nobody\""));
    assert!(refused(&project, &["queries", "plain", "--why", &format!("{query}:999")]).contains("answers, ranks 1 to"));
    assert!(refused(&project, &["queries", "plain", "--why", &format!("{query}:0")]).contains("answers, ranks 1 to"));
    let other = ["queries", "plain", "--why", query, "--training", "fold 3"];
    assert!(refused(&project, &other).contains("no query of fold 3"));
    // Lists that came from elsewhere without their network.
    fs::remove_dir_all(project.path(".toji/store/fit")).unwrap();
    let text = refused(&project, &["queries", "plain", "--why", &asked]);
    assert!(
        text.contains("the network of fold 0 is not in the store any more") && text.contains("toji export"),
        "{text}"
    );
}

#[test]
fn sheets_show_what_was_asked_for() {
    let project = Project::new();
    let table = fs::read_to_string(project.path("data/sample/train.csv")).unwrap();
    let rows: Vec<Vec<&str>> = table.lines().skip(1).map(|line| line.split(',').collect()).collect();
    let shown = |args: &[&str]| project.json(&[&["sheet"], args].concat())[0].clone();
    let all = shown(&["--role", "train", "--limit", "10", "--out", "some.png"]);
    assert_eq!((all["photos"].as_u64(), all["shown"].as_u64()), (Some(rows.len() as u64), Some(10)));
    let picture = image::open(project.path("some.png")).unwrap();
    assert_eq!(u64::from(picture.width()), all["width"].as_u64().unwrap());
    let exam = ["train", "query", "gallery"].map(|role| {
        shown(&["--fold", "0", "--recipe", "quick", "--role", role, "--limit", "1", "--out", "f.html"])["photos"]
            .as_u64()
    });
    assert!(exam.iter().all(|count| count.is_some_and(|count| count > 0 && count < rows.len() as u64)), "{exam:?}");
    let text = refused(&project, &["sheet", "--fold", "99", "--recipe", "quick"]);
    assert!(text.contains("no fold 99; there are 0 to 3"), "{text}");
    assert!(refused(&project, &["sheet", "nobody"]).contains("no photo has the id \"nobody\""));
    assert!(refused(&project, &["sheet", "--label", "nothing"]).contains("no label \"nothing\""));
    assert!(refused(&project, &["sheet", "--fold", "0"]).contains("--recipe"));
    assert!(refused(&project, &["sheet", "--out", "sheet.pdf"]).contains(".png or .html"));

    // By id, in the order that was asked for; a label that tries to be HTML stays text.
    let ids = [rows[3][0], rows[1][0]];
    let one = shown(&[ids[0], ids[1], "--out", "two.html"]);
    assert_eq!(one["shown"], 2);
    let page = fs::read_to_string(project.path("two.html")).unwrap();
    assert!(page.find(ids[0]).unwrap() < page.find(ids[1]).unwrap());
}
