//! All that a recipe and `toji.toml` may say, gathered from the folders that own it.
//!
//! Takes the constant tables of book, data, learn, retrieve and score; gives one [`Schema`] for recipes and
//! one for the facts of the competition. Help, linter, `toji explain` and docs/reference.md read these.

use crate::book::technique::{Body, Kind, Param, Section, Status};
use crate::book::{self, Schema};
use crate::{data, learn, retrieve, score};

/// What a recipe may contain.
pub fn recipes() -> Schema {
    let mut schema = Schema::default();
    let sections = [
        book::SECTIONS,
        data::augment::SECTIONS,
        learn::backbone::SECTIONS,
        learn::loss::SECTIONS,
        learn::train::SECTIONS,
        data::SECTIONS,
        retrieve::post::SECTIONS,
        retrieve::pseudo::SECTIONS,
        score::ensemble::SECTIONS,
        score::submission::SECTIONS,
        score::decide::SECTIONS,
    ];
    let techniques = [
        data::augment::TECHNIQUES,
        data::batch::TECHNIQUES,
        data::batch::CACHES,
        learn::backbone::TECHNIQUES,
        learn::loss::TECHNIQUES,
        learn::loss::pair::miner::TECHNIQUES,
        learn::train::TECHNIQUES,
        data::TECHNIQUES,
        retrieve::post::TECHNIQUES,
        score::ensemble::TECHNIQUES,
        score::decide::TECHNIQUES,
    ];
    schema.sections.extend(sections.into_iter().flatten());
    schema.techniques.extend(techniques.into_iter().flatten());
    schema
}

/// What `toji.toml` may contain.
pub fn facts() -> Schema {
    let mut schema = Schema::default();
    schema.sections.extend(data::FACTS.iter().copied());
    schema
}

/// What a user's own `config.toml` may contain, in no table.
pub static CONFIG: Section = Section {
    name: "config",
    about: "What a user wants on this machine, whatever the project: read from the user's own folder, never from a project.",
    body: Body::Params(&[Param::new(
        "on_event",
        Kind::List { of: &Kind::Text, min: 1, max: 64 },
        book::technique::Default::Absent,
        "A command that is run when something happened: its words, without a shell between. It gets one JSON object on its standard \
         input, and TOJI_EVENT, TOJI_PROJECT, TOJI_RECIPE, TOJI_RUNG, TOJI_TEXT and TOJI_SCORE.",
    )]),
    status: Status::Built,
};

/// docs/reference.md: every key of recipes and of `toji.toml`, every technique, every JSON field.
pub fn reference() -> String {
    let mut text = book::reference(&recipes());
    text.push_str("\n# toji.toml\n\nThe facts of the competition, written once.\n");
    // The second schema's page without its own title.
    let facts = book::reference(&facts());
    let body = facts.split_once("\n## ").map_or("", |(_, body)| body);
    text.push_str(&format!("\n## {body}"));
    text.push_str(HOME);
    let own = Schema { sections: vec![&CONFIG], techniques: Vec::new() };
    let rows = book::reference(&own);
    text.extend(rows.lines().filter(|line| line.starts_with('|')).flat_map(|line| [line, "\n"]));
    text.push_str(JSON);
    text
}

/// Where a user's own settings are.
const HOME: &str = "
# config.toml

A user's own settings, which no project can make: `config.toml` in the folder `$TOJI_CONFIG_HOME`, else `$XDG_CONFIG_HOME/toji`, else
`~/.config/toji`. `toji doctor` says which was read.

";

/// The fields of `--json`, by command.
const JSON: &str = include_str!("json.md");

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::base::Value;
    use crate::book::read::facts_from;
    use crate::book::technique::Default;

    /// The tables of a schema with their names: sections, techniques, and the fixed tables inside their keys.
    fn owners(schema: &Schema) -> Vec<(String, &'static [Param])> {
        let built = |param: &&Param| param.status == Status::Built;
        let sections = schema.sections.iter().filter_map(|section| match section.body {
            Body::Params(params) | Body::Optional(params) => Some((format!("[{}]", section.name), params)),
            Body::OneOf { .. } | Body::OneOfOr { .. } => None,
        });
        let techniques = schema.techniques.iter().filter(|t| t.status == Status::Built);
        let techniques = techniques.map(|t| (format!("{}.{}", t.slot, t.name), t.params));
        let mut found: Vec<_> = sections.chain(techniques).collect();
        let mut next = 0;
        while let Some((name, params)) = found.get(next).cloned() {
            for param in params.iter().filter(built) {
                let inside = tables(&param.kind).into_iter().map(|inner| (format!("{name}.{}", param.name), inner));
                found.extend(inside);
            }
            next += 1;
        }
        found
    }

    fn tables(kind: &'static Kind) -> Vec<&'static [Param]> {
        match kind {
            Kind::Table(params) => vec![params],
            Kind::List { of, .. } => tables(of),
            Kind::Either(kinds) => kinds.iter().flat_map(tables).collect(),
            _ => Vec::new(),
        }
    }

    /// Some value that a key takes.
    fn sample(kind: &Kind, schema: &Schema) -> Value {
        match kind {
            Kind::Bool | Kind::Off => Value::Bool(false),
            Kind::Int { min, .. } => Value::Int((*min).max(0)),
            Kind::Float { min, .. } => Value::Float(min.max(0.0)),
            Kind::Text => Value::Text("x".to_owned()),
            Kind::Choice(words) => Value::Text(words[0].to_owned()),
            Kind::List { of, min, .. } => Value::List(vec![sample(of, schema); (*min).max(1)]),
            Kind::Table(params) => required(params, schema),
            Kind::Either(kinds) => sample(&kinds[0], schema),
            Kind::OverEpochs(of) => sample(of, schema),
            Kind::OneOf { tag, slot } => {
                let technique = schema.of_slot(slot).find(|t| t.status == Status::Built).unwrap();
                let mut table = required(technique.params, schema);
                table.set(tag, Value::Text(technique.name.to_owned()));
                table
            }
        }
    }

    /// A table with what must be written and nothing else.
    fn required(params: &[Param], schema: &Schema) -> Value {
        let mut table = Value::table();
        for param in params.iter().filter(|p| matches!(p.default, Default::Required) && p.status == Status::Built) {
            table.set(param.name, sample(&param.kind, schema));
        }
        table
    }

    /// The settings of a table with these keys, read as from a file.
    fn read(params: &'static [Param], table: &Value, schema: &Schema) -> Value {
        let section: &'static Section =
            Box::leak(Box::new(Section { name: "x", about: "", body: Body::Params(params), status: Status::Built }));
        let alone = Schema { sections: vec![section], techniques: schema.techniques.clone() };
        let mut whole = Value::table();
        whole.set("x", table.clone());
        let text = book::print(&whole);
        let (settings, _, found) = facts_from(Path::new("x.toml"), text.clone(), &alone);
        assert!(found.is_empty(), "{text}{found:?}");
        settings
    }

    #[test]
    fn a_default_written_out_changes_no_key() {
        for schema in [recipes(), facts()] {
            let mut count = 0;
            for (owner, params) in owners(&schema) {
                let base = required(params, &schema);
                let plain = read(params, &base, &schema);
                for param in params.iter().filter(|param| param.status == Status::Built) {
                    let Some(literal) = param.default.literal() else { continue };
                    let mut written = base.clone();
                    written.set(param.name, literal.value());
                    // What stages are made of is what the reader gives.
                    assert_eq!(read(params, &written, &schema), plain, "{owner}.{}", param.name);
                    count += 1;
                }
            }
            assert!(count > 5, "{count}");
        }
    }

    /// A key may only stand here when no value that the table could name says the same as leaving it away: otherwise that value is its
    /// default, `Default::Unsaid` where recipes have been run without the key. What depends on other keys is seen to where
    /// the stage's key is made (`weights` of a sum of losses, the keys of `stages`).
    #[test]
    fn what_has_no_default_is_listed() {
        let schema = recipes();
        let mut lines = Vec::new();
        for (owner, params) in owners(&schema) {
            let absent = params.iter().filter(|p| matches!(p.default, Default::Absent) && p.status == Status::Built);
            let names: Vec<&str> = absent.map(|param| param.name).filter(|name| *name != "last_epochs_off").collect();
            if !names.is_empty() {
                lines.push(format!("{owner}: {}", names.join(", ")));
            }
        }
        insta::assert_snapshot!(lines.join("\n"), @r#"
        [recipe]: extends
        [augment]: eval
        [train]: clip_grad_norm, ema, freeze, unfreeze_at, stages
        [final]: epochs
        augment.RandomCropNearBBox: min_score
        augment.LongestMaxSize: max_size, max_size_hw
        augment.SmallestMaxSize: max_size, max_size_hw
        augment.PadIfNeeded: min_height, min_width, pad_height_divisor, pad_width_divisor
        augment.Affine: translate_percent
        augment.ShiftScaleRotate: shift_limit_x, shift_limit_y
        augment number.over epochs: to, epochs, decay
        loss.MultipleLosses: weights
        folds.holdout: together, near, ladder
        folds.k-fold: together, near, ladder
        folds.stratified: together, near, ladder
        folds.group: column, together, near, ladder
        folds.stratified-group: column, by, together, near, ladder
        folds.mixed: together, near, ladder
        folds.column: train, eval, ladder
        folds.given: ladder
        fusion.concat: pca
        decider.SuccessiveHalvingPruner: min_resource
        decider.EarlyStopping: stopping_threshold, divergence_threshold
        decider.ThresholdPruner: lower, upper
        [train].eval: queries, gallery
        [train].stages: size, lr, batch, schedule, freeze
        [ensemble].of: ids
        augment.Affine.scale: x, y
        augment.Affine.translate_percent: x, y
        augment.Affine.shear: x, y
        folds.holdout.ladder: folds, epochs, images, keep
        folds.k-fold.ladder: folds, epochs, images, keep
        folds.stratified.ladder: folds, epochs, images, keep
        folds.group.ladder: folds, epochs, images, keep
        folds.stratified-group.ladder: folds, epochs, images, keep
        folds.mixed.ladder: folds, epochs, images, keep
        folds.column.ladder: folds, epochs, images, keep
        folds.given.ladder: folds, epochs, images, keep
        "#);
    }

    #[test]
    fn a_cache_is_switched_off_by_who_extends() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, cells: &str| {
            let file = folder.path().join(name);
            crate::base::files::publish(&file, format!("```toml\n{cells}\n```\n").as_bytes()).unwrap();
            crate::session::Recipe::read(&file, &recipes())
        };
        let rest = "[loss]\nname = \"ArcFaceLoss\"\n[augment]\n";
        let plain = file("plain.md", rest);
        let cached = file("cached.md", &format!("{rest}cache = {{ max_resolution = 320 }}"));
        let off = file("off.md", "[recipe]\nextends = \"cached.md\"\n[augment]\ncache = false");
        assert_ne!(cached.key(), plain.key());
        assert_eq!((off.key(), &off.diagnostics), (plain.key(), &Vec::new()));
        let again = file("again.md", "[recipe]\nextends = \"off.md\"\n[augment]\ncache = { max_resolution = 320 }");
        assert_eq!((again.key(), &again.diagnostics), (cached.key(), &Vec::new()));
        let told = |value: &str| {
            let found = file("wrong.md", &format!("{rest}cache = {value}")).diagnostics.remove(0);
            format!("{}; {}", found.message, found.help.unwrap_or_default())
        };
        insta::assert_snapshot!(told("true"), @"`augment.cache` cannot be true; false leaves it out, also where a parent has it; to have it, write its table");
        insta::assert_snapshot!(told("320"), @"`augment.cache`: expected a table with `max_resolution` and `jpeg_quality`; or false, found the whole number 320; ");
        insta::assert_snapshot!(told("{ jpeg_quality = 95 }"), @"`augment.cache.max_resolution` is missing; Length of the longer side above which a picture is reduced: a whole number, 8 to 16384 pixels");
    }
}
