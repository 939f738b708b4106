//! Ids that are one number and two texts: within a table, and between the sample submission and the tables.

use super::ground::Ground;

const NISHIKA: &str = "[data]\nlayout = \"nishika\"\nimages = \"images\"\n";

fn notes(test: &str, sample: &str) -> String {
    let ground = Ground::with(&[
        ("train.csv", "gid,filename,brand_id,meigara\n1,a.jpg,7,x\n2,b.jpg,7,x\n"),
        ("cite.csv", "cite_gid,cite_filename\n1,a.jpg\n"),
        ("test.csv", test),
        ("sample_submission.csv", sample),
    ]);
    ground.pictures(&["images/a.jpg", "images/b.jpg"]);
    match ground.manifest(NISHIKA) {
        Ok((_, report)) => ground.told(report.notes.join("\n")),
        Err(error) => format!("error: {}", ground.told(error)),
    }
}

#[test]
fn the_sample_submission_and_the_queries() {
    let all = [
        notes("gid,filename\n007,a.jpg\n012,b.jpg\n", "gid,cite_gid\n7,1\n12,1\n"),
        notes("gid,filename\n7.0,a.jpg\n12.0,b.jpg\n", "gid,cite_gid\n12,1\n7,1\n"),
        notes("gid,filename\n7,a.jpg\n12,b.jpg\n", "gid,cite_gid\n7.0,1\n12.0,1\n"),
        notes("gid,filename\n007,a.jpg\n7,b.jpg\n", "gid,cite_gid\n007,1\n7,1\n"),
        notes("gid,filename\na7,a.jpg\na07,b.jpg\n", "gid,cite_gid\na07,1\na7,1\n"),
        notes("gid,filename\n7,a.jpg\n8,b.jpg\n", "gid,cite_gid\n7,1\n8\n"),
    ];
    insta::assert_snapshot!(all.join("\n"), @r#"
    sample_submission.csv line 2 (also in 3): gid "7" is "007" in test.csv line 2; ids are text, and one of the two went through a number: write both alike
    sample_submission.csv line 2 (also in 3): gid "12" is "12.0" in test.csv line 3; ids are text, and one of the two went through a number: write both alike
    sample_submission.csv line 2 (also in 3): gid "7.0" is "7" in test.csv line 2; ids are text, and one of the two went through a number: write both alike


    sample_submission.csv line 3: 1 field, the header has 2; a value with the separator in it must stand in quotes
    "#);
}

#[test]
fn a_stray_text_may_be_allowed() {
    let ground = Ground::with(&[("t.csv", "id,image,label\n1,a.jpg,x\n2,b.jpg,x\n3,c.jpg,x\nabc,d.jpg,x\n")]);
    ground.pictures(&["images/a.jpg", "images/b.jpg", "images/c.jpg", "images/d.jpg"]);
    let facts = "[data]\nlayout = \"table\"\ntable = \"t.csv\"\nmixed_ids = \"allow\"\n";
    let (manifest, report) = ground.manifest(facts).unwrap();
    assert_eq!((manifest.photos.len(), report.notes), (4, vec![]));
}
