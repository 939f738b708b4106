//! Reports through the real program: what was recorded is there, what was not is marked, the same state gives the same bytes, a file that was handed in is
//! told as it was, and nothing in a recipe's text can steer a page.

use std::io::Read;

use serde_json::Value as Json;

use crate::project::{Project, QUICK};

fn text_of(project: &Project, file: &str) -> String {
    std::fs::read_to_string(project.path(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// A part of a Word file.
fn part(project: &Project, file: &str, name: &str) -> String {
    let mut archive = zip::ZipArchive::new(std::fs::File::open(project.path(file)).unwrap()).unwrap();
    let mut text = String::new();
    archive.by_name(name).unwrap().read_to_string(&mut text).unwrap();
    text
}

/// Fails where a tag is not closed, or closed by another's name.
fn is_balanced(xml: &str) {
    let mut open: Vec<&str> = Vec::new();
    for tag in xml.split('<').skip(1).map(|rest| rest.split('>').next().unwrap()) {
        if tag.starts_with(['?', '!']) || tag.ends_with('/') {
            continue;
        }
        match tag.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name)),
            None => open.push(tag.split_whitespace().next().unwrap()),
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

/// Every command of a gap, by what is missing.
fn gaps(facts: &Json) -> Vec<(String, String)> {
    let text = |gap: &Json, name: &str| gap[name].as_str().unwrap().to_owned();
    facts["gaps"].as_array().unwrap().iter().map(|gap| (text(gap, "what"), text(gap, "command"))).collect()
}

fn facts(project: &Project, args: &[&str]) -> Json {
    let args: Vec<&str> = ["report"].iter().chain(args).copied().collect();
    project.json(&args).swap_remove(0)["report"].take()
}

#[test]
fn a_report_tells_what_was_recorded_and_marks_what_was_not() {
    let project = Project::new();
    for entry in std::fs::read_dir(project.path("recipes")).unwrap().flatten() {
        std::fs::remove_file(entry.path()).unwrap();
    }
    let prose = "# 速い <script>alert(1)</script> レシピ\n\nIt is **quick** & ![x](http://evil.example/x.png).\n\n| a | b |\n|---|---|\n| 1 | <b>2</b> |\n";
    project.write("recipes/quick.md", &QUICK.replace("# Quick\n", prose));
    project
        .write("recipes/wide.md", "# Wide\n\n```toml\n[recipe]\nextends = \"quick.md\"\n[loss]\nmargin = 22.9\n```\n");
    project.write("recipes/wrong.md", "# Wrong\n\n```toml\n[loss]\nname = \"NoSuchLoss\"\n```\n");
    project.json(&["run", "quick", "wide", "--rung", "smoke"]);

    let args = [
        "quick",
        "--format",
        "html",
        "--format",
        "md",
        "--format",
        "docx",
        "--out",
        "out/r.html",
        "--date",
        "2026-11-28",
    ];
    let told = facts(&project, &args);
    assert_eq!((&told["written"], &told["subject"]["rung"]), (&"2026-11-28".into(), &"smoke".into()));
    let score = told["subject"]["score"]["value"].as_f64().unwrap();
    assert!(score > 0.0 && told["subject"]["score"]["queries"].as_u64().unwrap() > 10);

    // What differs in one key, what failed, and the parent's difference.
    let tried = told["tried"].as_array().unwrap();
    let of = |name: &str| tried.iter().find(|one| one["name"] == name).unwrap();
    assert_eq!((&of("wide")["parent"], &of("wide")["depth"]), (&"quick".into(), &1.into()));
    assert!(of("wide")["to_parent"]["interval"].is_array() && of("wrong")["outcome"] == "broken");
    let ablation = &told["ablations"][0];
    assert_eq!(
        (&ablation["key"], &ablation["own"], &ablation["other"]),
        (&"[loss] margin".into(), &"17.2".into(), &"22.9".into())
    );
    let difference = of("wide")["to_parent"]["value"].as_f64().unwrap();
    assert_eq!(ablation["delta"]["value"].as_f64().unwrap(), -difference);
    assert_eq!(told["simple"]["recipe"].as_str().map(|name| ["quick", "wide"].contains(&name)), Some(true));
    assert!(
        told["made"]["cpu"].is_string() && told["made"]["seed"] == 3 && told["stages"].as_array().unwrap().len() >= 5
    );
    assert!(told["examples"]["worst"].as_array().unwrap().len() <= 4 && told["curves"].as_array().unwrap().len() >= 2);
    let missing: Vec<String> = gaps(&told).into_iter().map(|(what, _)| what).collect();
    for what in ["folds", "seeds", "gains", "submission", "review", "commit"] {
        assert!(missing.iter().any(|known| known == what), "{what} in {missing:?}");
    }

    // The pages: the score is in each, nothing of the text is markup, nothing is fetched.
    let page = text_of(&project, "out/r.html");
    let number = format!("{score:.4}");
    for absent in ["<script", "http-equiv=\"refresh", "src=\"http", "url(http"] {
        assert!(!page.contains(absent), "{absent}");
    }
    assert!(page.contains(&number) && page.contains("&lt;script&gt;") && page.contains("default-src 'none'"));
    assert!(
        page.contains("<svg")
            && page.contains("data:image/jpeg;base64,")
            && page.contains("toji post quick --rung smoke")
    );
    // What has a backslash before it is text.
    let markdown = text_of(&project, "out/r.md").replace("\\<", "").replace("\\]", "");
    assert!(markdown.contains(&number) && !markdown.contains("<script") && !markdown.contains("](http://evil"));
    for name in
        markdown.split("](").skip(1).filter_map(|rest| rest.split(')').next()).filter(|name| name.ends_with(".png"))
    {
        let bytes = std::fs::read(project.path("out").join(name)).unwrap();
        assert_eq!(&bytes[1..4], b"PNG", "{name}");
    }
    let svg = text_of(&project, "out/r-ablations.svg");
    assert!(svg.contains(">\nwide\n<") || svg.contains("wide"), "text stays text");
    let document = part(&project, "out/r.docx", "word/document.xml");
    is_balanced(&document);
    assert!(document.contains(&number) && document.contains("速い") && !document.contains("<script"));
    let relations = part(&project, "out/r.docx", "word/_rels/document.xml.rels");
    for id in document.split("r:embed=\"").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert!(relations.contains(&format!("Id=\"{id}\"")), "{id}");
    }

    // The same state gives the same bytes.
    let read = |ending: &str| std::fs::read(project.path(&format!("out/r.{ending}"))).unwrap();
    let before = ["html", "md", "docx"].map(read);
    facts(&project, &args);
    assert!(before == ["html", "md", "docx"].map(read));

    // What was missing is recorded by what the report names.
    project.json(&["post", "quick", "--rung", "smoke"]);
    let now = facts(&project, &["quick", "--lang", "ja", "--out", "ja.html"]);
    assert!(
        now["gains"]["steps"].as_array().unwrap().len() == 2 && !gaps(&now).iter().any(|(what, _)| what == "gains")
    );
    let page = text_of(&project, "ja.html");
    assert!(page.contains("lang=\"ja\"") && page.contains("後処理の効果") && page.contains("未記録"));
}

#[test]
fn a_file_that_was_handed_in_is_told_as_it_was() {
    let project = Project::new();
    let hash = |told: &Json| told["file_hash"].as_str().unwrap().to_owned();
    let handed = hash(&project.json(&["submit", "quick", "--rung", "smoke", "--out", "a.csv"]).pop().unwrap());
    project.json(&["lb", "add", "quick", "0.4321"]);
    project.json(&["lb", "add", "quick", "0.4210", "--private"]);
    project.write("recipes/quick.md", &QUICK.replace("# Quick", "# Quicker").replace("margin = 17.2", "margin = 30.0"));
    let told = facts(&project, &["--submission", &handed[..8], "--out", "old.md", "--date", "2026-11-28"]);
    assert_eq!((&told["subject"]["title"], &told["subject"]["submission"]), (&"Quick".into(), &handed.as_str().into()));
    assert!(told["subject"]["texts"][0]["text"].as_str().unwrap().contains("margin = 17.2"));
    let line = &told["handed"]["lines"][0];
    assert_eq!(
        (&line["public"][1], &line["private"][1], &line["is_subject"]),
        (&"0.4321".into(), &"0.4210".into(), &true.into())
    );
    let page = text_of(&project, "old.md");
    assert!(page.contains("margin = 17.2") && !page.contains("margin = 30") && page.contains("0.4321"));
    // The recipe of now has neither score nor file of its own text.
    let now = facts(&project, &["quick", "--out", "new.html"]);
    assert!(now["subject"]["score"].is_null() && gaps(&now).iter().any(|(what, _)| what == "score"));
}

#[test]
fn two_recipes_beside_each_other_are_one_page() {
    let project = Project::new();
    project
        .write("recipes/wide.md", "# Wide\n\n```toml\n[recipe]\nextends = \"quick.md\"\n[loss]\nmargin = 22.9\n```\n");
    project.json(&["run", "quick", "wide", "--rung", "smoke"]);
    let said = project.json(&["compare", "quick", "wide", "--html"]).pop().unwrap();
    let page = text_of(&project, "reports/quick-beside-wide.html");
    assert!(said["file"].as_str().unwrap().ends_with("quick-beside-wide.html"));
    assert!(page.contains("[loss] margin") && page.contains("22.9") && page.contains("quick beside wide"));
    let told = facts(&project, &["quick", "wide"]);
    assert_eq!(told["beside"]["sides"].as_array().unwrap().len(), 2);
    assert!(text_of(&project, "reports/quick.html").contains("Beside others"));
}

#[test]
fn what_cannot_be_written_is_refused_with_a_way_out() {
    let project = Project::new();
    let refused = |args: &[&str]| {
        let out = project.toji(args);
        assert_eq!(out.status.code(), Some(2), "{args:?}");
        String::from_utf8_lossy(&out.stderr).into_owned()
    };
    assert!(refused(&["report", "quick", "--out", "r.pdf"]).contains(".html, .md or .docx"));
    assert!(refused(&["report", "quick", "--out", "recipes/r.md"]).contains("among the recipes"));
    // Of what is there only a report gives way to a report.
    project.write("solution.md", "mine\n");
    project.write("page.html", "<p>mine</p>\n");
    for name in ["solution.md", "page.html"] {
        let out = project.toji(&["report", "quick", "--out", name]);
        let told = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(out.status.code() == Some(1) && told.contains("nothing was written"), "{told}");
        assert!(text_of(&project, name).contains("mine"));
    }
    for form in ["html", "md", "docx"] {
        let args = ["report", "quick", "--out", "twice", "--format", form];
        assert!(project.toji(&args).status.success() && project.toji(&args).status.success(), "{form}");
    }
    assert!(refused(&["report", "nobody"]).contains("quick"));
    assert!(refused(&["report", "--submission", "beef"]).contains("toji submit RECIPE"));
    assert!(refused(&["report", "quick", "--date", "yesterday"]).contains("2026-11-27"));
    assert!(refused(&["report"]).contains("RECIPE"));
}
