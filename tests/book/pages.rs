//! What the declared table prints: the reference, and answers to questions.

use toji::book::check::mistakes_of;
use toji::book::technique::{Body, Default, Kind, Literal, Param, Section, Status};
use toji::book::{explain, reference};

use super::schema::schema;

#[test]
fn the_reference_page() {
    insta::with_settings!({ snapshot_path => "snapshots", prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!("reference", reference(&schema()));
    });
}

#[test]
fn answers() {
    let questions =
        ["ArcFaceLoss", "margin", "loss.margin", "[loss]", "p", "backbone.pool.p", "train.eval.every", "ensemble", "k"];
    let told: String = questions.iter().map(|q| format!("=== {q}\n{}\n", explain(&schema(), q).unwrap())).collect();
    insta::with_settings!({ snapshot_path => "snapshots", prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!("answers", told);
    });
    assert_eq!(explain(&schema(), "arcfaceloss"), explain(&schema(), "ArcFaceLoss"), "case is forgiven");
}

#[test]
fn names_that_nobody_knows() {
    let told = |name: &str| explain(&schema(), name).unwrap_err().to_string();
    insta::assert_snapshot!(told("margn"), @"nothing is named `margn`; did you mean margin?");
    insta::assert_snapshot!(told("arcface"), @"nothing is named `arcface`; did you mean ArcFaceLoss?");
    insta::assert_snapshot!(told("los.margin"), @"nothing is named `los.margin`; did you mean loss.margin?");
    insta::assert_snapshot!(told("qqqqqq"), @"nothing is named `qqqqqq`");
}

#[test]
fn a_declared_table_can_be_wrong_too() {
    assert_eq!(mistakes_of(&schema()), Vec::<String>::new());
    const WRONG: Section = Section {
        name: "wrong",
        about: "",
        body: Body::Params(&[
            Param::new("a", Kind::Int { min: 1, max: 2 }, Default::Is(Literal::Int(3)), ""),
            Param::new(
                "b",
                Kind::OneOf { tag: "name", slot: "loss" },
                Default::Is(Literal::Table(&[("name", Literal::Text("ArcFase"))])),
                "",
            ),
        ]),
        status: Status::Built,
    };
    let mut schema = schema();
    schema.sections.extend([&WRONG, &WRONG]);
    schema.techniques.push(schema.techniques[0]);
    insta::assert_snapshot!(mistakes_of(&schema).join("\n"), @r#"
default of `a` in wrong: `a` is 3, but must be 1 to 2
default of `b` in wrong: unknown technique `ArcFase` (loss)
default of `a` in wrong: `a` is 3, but must be 1 to 2
default of `b` in wrong: unknown technique `ArcFase` (loss)
slot augment has HorizontalFlip twice
[wrong] is declared twice
"#);
}
