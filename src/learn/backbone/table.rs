//! What a recipe may write about its backbone: the `[backbone]` section and the poolings.

use crate::book::technique::{Body, Default, Kind, Literal, Param, Section, Status, Technique};

/// The sections that belong here.
pub const SECTIONS: &[&Section] = &[&Section {
    name: "backbone",
    about: "The network that turns a picture into an embedding.",
    body: Body::Params(&[
        Param::new(
            "name",
            Kind::Choice(super::preset::NAMES),
            Default::Is(Literal::Text("resnet18")),
            "timm's name of the network",
        ),
        Param::new(
            "weights",
            Kind::Text,
            Default::Is(Literal::Text("none")),
            "where its first weights come from: \"none\" (drawn from the seed) or a .safetensors file with timm's \
             keys; \"hf:...\" is not built yet",
        ),
        Param::new(
            "pool",
            Kind::OneOf { tag: "kind", slot: "pool" },
            Default::Is(Literal::Table(&[("kind", Literal::Text("avg"))])),
            "how the last feature map becomes a vector",
        ),
        Param::new(
            "embedding",
            Kind::Int { min: 1, max: 8192 },
            Default::Is(Literal::Int(256)),
            "length of an embedding",
        )
        .unit("numbers"),
    ]),
    status: Status::Built,
}];

/// The techniques that belong here.
pub const TECHNIQUES: &[&Technique] = &[
    &Technique {
        name: "avg",
        slot: "pool",
        about: "The mean of each channel.",
        details: "y = mean(x), timm's default. Each place of the picture counts the same.",
        params: &[],
        source: "timm, global_pool=\"avg\"",
        status: Status::Built,
    },
    &Technique {
        name: "gem",
        slot: "pool",
        about: "The generalised mean: strong places count more.",
        details: "y = mean(max(x, 1e-6)^p)^(1/p) of each channel. p = 1 is the mean; towards infinity it becomes the \
                  maximum. Winners of landmark and sake competitions use 3. The power is fixed, not learned.",
        params: &[Param::new("p", Kind::Float { min: 0.1, max: 64.0 }, Default::Is(Literal::Float(3.0)), "the power")],
        source: "Radenović, Tolias, Chum: Fine-tuning CNN image retrieval with no human annotation, 2018",
        status: Status::Built,
    },
];

#[cfg(test)]
mod tests {
    use super::super::{Pool, Settings, presets};
    use super::*;
    use crate::base::Value;

    #[test]
    fn the_table_offers_the_presets() {
        let Body::Params(params) = &SECTIONS[0].body else { panic!("a section of parameters") };
        let Kind::Choice(names) = params[0].kind else { panic!("a choice of names") };
        assert_eq!(names.to_vec(), presets().map(|p| p.name).collect::<Vec<_>>());
    }

    #[test]
    fn the_defaults_are_settings() {
        let Body::Params(params) = &SECTIONS[0].body else { panic!("a section of parameters") };
        let default = |p: &Param| match &p.default {
            Default::Is(literal) => (p.name.to_owned(), literal.value()),
            _ => panic!("{} has no default", p.name),
        };
        let settings: Settings = Value::Table(params.iter().map(default).collect()).decode().expect("settings");
        assert_eq!((settings.name.as_str(), settings.pool), ("resnet18", Pool::Avg {}));
    }
}
