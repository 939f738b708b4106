//! What a recipe may write about its backbone: the `[backbone]` section, the poolings and the necks.

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
            "where its first weights come from: \"none\" (drawn from the seed), \"hf:OWNER/NAME\" such as \
             \"hf:timm/resnet18.a1_in1k\" (fetched once into the hub's cache; @REVISION pins it), or a .safetensors file with \
             timm's keys. Mean, std, crop and interpolation come with them: from the hub's config.json, from NAME.json or \
             config.json beside a file, else from timm's defaults for the name",
        ),
        Param::new(
            "pool",
            Kind::OneOf { tag: "kind", slot: "pool" },
            Default::Is(Literal::Table(&[("kind", Literal::Text("avg"))])),
            "how the last feature map becomes a vector",
        ),
        Param::new(
            "neck",
            Kind::OneOf { tag: "kind", slot: "neck" },
            Default::Is(Literal::Table(&[("kind", Literal::Text("linear"))])),
            "what makes an embedding out of that vector",
        ),
        Param::new(
            "embedding",
            Kind::Int { min: 1, max: 8192 },
            Default::Is(Literal::Int(256)),
            "length of an embedding; the necks bn and none keep the pooled vector's",
        )
        .unit("numbers"),
        Param::new(
            "drop",
            Kind::Float { min: 0.0, max: 0.95 },
            Default::Is(Literal::Float(0.0)),
            "dropout before the neck: in training each number of the pooled vector is 0 with this probability and the others \
             are scaled up (timm's drop_rate; Srivastava et al. 2014). Rarely worth it under a margin loss",
        ),
        Param::new(
            "drop_path",
            Kind::Float { min: 0.0, max: 0.95 },
            Default::Is(Literal::Float(0.0)),
            "stochastic depth: in training a photo skips the last block with this probability, earlier ones less, in a \
             straight line down to 0 at the first (timm's drop_path_rate; Huang et al. 2016, arXiv 1603.09382). The \
             regulariser of transformers and ConvNeXt: 0.1 for tiny ones, 0.2 to 0.5 for large ones",
        ),
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
        name: "max",
        slot: "pool",
        about: "The maximum of each channel.",
        details: "y = max(x) (MAC). One strong place decides; small objects survive, and so does noise.",
        params: &[],
        source: "Tolias, Sicre, Jégou: Particular object retrieval with integral max-pooling, 2015; timm, global_pool=\"max\"",
        status: Status::Built,
    },
    &Technique {
        name: "gem",
        slot: "pool",
        about: "The generalised mean: strong places count more.",
        details: "y = mean(max(x, 1e-6)^p)^(1/p) of each channel. p = 1 is the mean; towards infinity it becomes the \
                  maximum. Winners of landmark and sake competitions use 3. With learn = true the power is one number that \
                  learns with the network, from p on; that helped the landmark winners of 2020 and 2021 and did not help \
                  those of HappyWhale. For networks whose last map is of both signs (SiLU, GELU or a norm at the end) what is \
                  negative counts as nothing.",
        params: &[
            Param::new("p", Kind::Float { min: 0.1, max: 64.0 }, Default::Is(Literal::Float(3.0)), "the power"),
            Param::new("learn", Kind::Bool, Default::Is(Literal::Bool(false)), "whether the power learns"),
        ],
        source: "Radenović, Tolias, Chum: Fine-tuning CNN image retrieval with no human annotation, 2018",
        status: Status::Built,
    },
    &Technique {
        name: "cat",
        slot: "pool",
        about: "The last two stages' maps, each pooled, one vector behind the other.",
        details: "The map before the last has twice the resolution and half the channels: texture and print beside the whole. \
                  The winner of HappyWhale took it with gem, p = 3, and the neck bn.",
        params: &[
            Param::new(
                "of",
                Kind::Choice(&["gem", "avg", "max"]),
                Default::Is(Literal::Text("gem")),
                "how each map is pooled",
            ),
            Param::new("p", Kind::Float { min: 0.1, max: 64.0 }, Default::Is(Literal::Float(3.0)), "the power of gem"),
        ],
        source: "knshnb/kaggle-happywhale-1st-place, 2022",
        status: Status::Built,
    },
    &Technique {
        name: "token",
        slot: "pool",
        about: "The class token, for transformers that have one.",
        details: "What timm's ViT does unless its weights were trained with the mean. Other networks refuse it.",
        params: &[],
        source: "timm, global_pool=\"token\"",
        status: Status::Built,
    },
    &Technique {
        name: "linear",
        slot: "neck",
        about: "A linear layer.",
        details: "y = W·x + b, of the length that `embedding` says. It has the name of timm's classifier, so a classifier \
                  of as many classes loads whole.",
        params: &[],
        source: "timm",
        status: Status::Built,
    },
    &Technique {
        name: "linear-bn",
        slot: "neck",
        about: "A linear layer and a batch norm.",
        details: "The norm (`neck.bn`) brings each number of the embedding to mean 0 and variance 1 over the batch, so that \
                  angles use all of them. The landmark retrieval winners of 2019 took 512 numbers.",
        params: &[],
        source: "lyakaap/Landmark2019-1st-and-3rd-Place-Solution",
        status: Status::Built,
    },
    &Technique {
        name: "linear-bn-prelu",
        slot: "neck",
        about: "A linear layer, a batch norm and a PReLU: \"option D\".",
        details: "As linear-bn, then x where it is above zero and a·x elsewhere, with one a that learns from 0.25 on \
                  (`neck.prelu.weight`). The landmark winners of 2020 and 2021 took 512 numbers.",
        params: &[],
        source: "psinger/kaggle-landmark-recognition-2020-1st-place; ChristofHenkel/kaggle-landmark-2021-1st-place",
        status: Status::Built,
    },
    &Technique {
        name: "bn",
        slot: "neck",
        about: "A batch norm alone: the embedding is as long as the pooled vector.",
        details: "y = norm(x) (`neck.bn`). `embedding` is not used.",
        params: &[],
        source: "Luo et al.: Bag of tricks and a strong baseline for deep person re-identification, 2019; \
                 knshnb/kaggle-happywhale-1st-place",
        status: Status::Built,
    },
    &Technique {
        name: "none",
        slot: "neck",
        about: "Nothing: the embedding is the pooled vector.",
        details: "For weights that are used as they are (epochs = 0). `embedding` is not used.",
        params: &[],
        source: "timm, num_classes=0",
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
