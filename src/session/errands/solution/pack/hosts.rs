//! What each host asks for, in one table.
//!
//! A [`Field`] is declared once: what is asked, where the answer comes from, and in which file of the pack it stands. The pack's documents, `toji pack --fields HOST`,
//! the questions to the author and the tables of docs/pack.md are all made from it. Sources: Kaggle's Winning Model Documentation Guidelines; Nishika's
//! guideline for what winners hand in (入賞時提出物); the rules of SIGNATE's competitions 433 and 1055.

use super::material::{self as m, Material};

/// Who holds the competition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host {
    /// kaggle.com.
    Kaggle,
    /// nishika.com.
    Nishika,
    /// signate.jp.
    Signate,
}

/// One thing that a host asks for.
#[derive(Clone, Copy)]
pub struct Field {
    /// The host's number or heading of it.
    pub number: &'static str,
    /// What is asked.
    pub asks: &'static str,
    /// Where the answer is from.
    pub from: Origin,
    /// The file of the pack in which it stands; of [`Origin::File`] the file itself.
    pub file: &'static str,
}

/// Where an answer is from.
#[derive(Clone, Copy)]
pub enum Origin {
    /// It was recorded: what by, and the text; `None` where it is not known.
    Record(&'static str, fn(&Material<'_>) -> Option<String>),
    /// The author's answer to this question.
    Author(&'static str),
    /// What was recorded, and then the author's answer.
    Both(&'static str, fn(&Material<'_>) -> Option<String>, &'static str),
    /// A file or folder of the pack, with what it holds.
    File(&'static str),
}

use Origin::{Author, Both, File, Record};

const fn f(number: &'static str, asks: &'static str, from: Origin, file: &'static str) -> Field {
    Field { number, asks, from, file }
}

const SUMMARY: &str = "model_summary.md";
const README: &str = "README.md";
const ENTRY: &str = "entry_points.md";
const DOCUMENT: &str = "document.md";
const PROCEDURE: &str = "procedure.md";
const FACTS: &str = "toji.toml";
const LEDGER: &str = "ledger.jsonl";
const LOCK: &str = "solution.lock";

const REPORT: &str = "the report of the submission, as toji report --submission writes it";

const KAGGLE: &[Field] = &[
    f("A1", "Competition", Record(FACTS, m::competition), SUMMARY),
    f("A1", "Team name", Author("team"), SUMMARY),
    f("A1", "Private leaderboard score", Record(LEDGER, m::private), SUMMARY),
    f("A1", "Private leaderboard place", Author("place"), SUMMARY),
    f("A1", "Members: name, location, email", Author("members"), SUMMARY),
    f("A2", "Academic and professional background", Author("background"), SUMMARY),
    f("A2", "Prior experience that helped", Author("experience"), SUMMARY),
    f("A2", "What made you enter", Author("motivation"), SUMMARY),
    f("A2", "Time spent", Author("time"), SUMMARY),
    f("A2", "Team and roles", Author("roles"), SUMMARY),
    f("A3", "Summary", Both(LOCK, m::in_short, "summary"), SUMMARY),
    f("A4", "Most important features", Author("features"), SUMMARY),
    f("A4", "Features: how a photo becomes numbers", Record(LOCK, m::features), SUMMARY),
    f("A4", "External data", Both(LOCK, m::weights, "external"), SUMMARY),
    f("A5", "Training methods", Record(LOCK, m::training), SUMMARY),
    f("A5", "Ensemble and weights", Record(LOCK, m::ensemble), SUMMARY),
    f("A6", "Most important trick", Author("trick"), SUMMARY),
    f("A6", "What set you apart", Author("apart"), SUMMARY),
    f("A6", "Findings", Author("findings"), SUMMARY),
    f("A7", "Simple model with 90 to 95 % of the score", Both(LEDGER, m::simpler, "simple"), SUMMARY),
    f("A8", "Execution time", Record(LOCK, m::times), SUMMARY),
    f("A9", "References", Author("references"), SUMMARY),
    f("A", "The document as a Word file", File("of model_summary.md"), "model_summary.docx"),
    f("A", "Plots and photos", File(REPORT), "report.html"),
    f("B1", "Code, trained model and data", File("the whole pack; the competition's data with --with-data"), README),
    f("B2", "Hardware", Record(LOCK, m::hardware), README),
    f("B2", "Operating system", Record(LOCK, m::system), README),
    f("B2", "Third-party software", Record(LOCK, m::software), README),
    f("B2", "Where to get Toji", Author("toji"), README),
    f("B2", "How to install", Record("Toji", m::install), README),
    f("B2", "How to train", Record("Toji", m::train), README),
    f("B2", "How to predict", Record("Toji", m::predict), README),
    f("B2", "Side effects", Record("Toji", m::side_effects), README),
    f("B2", "Key assumptions", Both(LOCK, m::assumptions, "assumptions"), README),
    f("B3", "Configuration files", File("recipes/ and toji.toml"), "recipes/"),
    f("B4", "Exact versions of all software", File("Toji, toolchain and every crate"), "requirements.txt"),
    f("B5", "Directory structure", File("all folders of the pack"), "directory_structure.txt"),
    f(
        "B6",
        "Paths, in one place only",
        File("RAW_DATA_DIR, CLEAN_DATA_DIR, MODEL_DIR, SUBMISSION_DIR, CHECKPOINT_DIR; read by toji reproduce"),
        "SETTINGS.json",
    ),
    f("B7", "Serialized trained model", File("packed weights, safetensors"), "models/"),
    f("B8", "Entry point: prepare_data", Record("Toji", m::prepare_data), ENTRY),
    f("B8", "Entry point: train", Record("Toji", m::train), ENTRY),
    f("B8", "Entry point: predict", Record("Toji", m::predict), ENTRY),
];

const NISHIKA: &[Field] = &[
    f("資料", "Competition name · コンペティション名", Record(FACTS, m::competition), DOCUMENT),
    f("資料", "User name · ユーザー名", Author("team"), DOCUMENT),
    f("資料", "Final score · 最終スコア", Record(LEDGER, m::private), DOCUMENT),
    f("資料", "Final rank · 最終順位", Author("place"), DOCUMENT),
    f("資料", "Education and work · 学歴・職歴", Author("background"), DOCUMENT),
    f("資料", "Useful knowledge · 役立った知識・経験", Author("experience"), DOCUMENT),
    f("資料", "Motivation · 参加の動機", Author("motivation"), DOCUMENT),
    f("資料", "Time spent · 費やした時間", Author("time"), DOCUMENT),
    f("資料", "Summary · 解法の概要", Both(LOCK, m::in_short, "summary"), DOCUMENT),
    f("資料", "Important features · 重要な特徴", Author("features"), DOCUMENT),
    f("資料", "How a photo becomes numbers · 特徴量", Record(LOCK, m::features), DOCUMENT),
    f(
        "資料",
        "External data, weights and their licences · 外部データ・学習済み重みとライセンス",
        Both(LOCK, m::weights, "external"),
        DOCUMENT,
    ),
    f("資料", "Training · 学習方法", Record(LOCK, m::training), DOCUMENT),
    f("資料", "Ensemble · アンサンブル", Record(LOCK, m::ensemble), DOCUMENT),
    f("資料", "Most important trick · 最も効いた工夫", Author("trick"), DOCUMENT),
    f("資料", "What set it apart · 他との違い", Author("apart"), DOCUMENT),
    f("資料", "Findings · 得られた知見", Author("findings"), DOCUMENT),
    f("資料", "Simple model · 単純なモデル", Both(LEDGER, m::simpler, "simple"), DOCUMENT),
    f("資料", "Execution time · 実行時間", Record(LOCK, m::times), DOCUMENT),
    f("資料", "Licences of the software · ソフトウェアのライセンス", Record("Toji", m::licences), DOCUMENT),
    f("資料", "References · 参考文献", Author("references"), DOCUMENT),
    f("資料", "The document as a Word file · Word形式の資料", File("of document.md"), "document.docx"),
    f("資料", "Plots and photos · 図と写真", File(REPORT), "report.html"),
    f("README", "Environment · 実行環境", Record(LOCK, m::environment), README),
    f("README", "Where to get Toji · Tojiの入手先", Author("toji"), README),
    f("README", "Installation · インストール", Record("Toji", m::install), README),
    f("README", "Preprocessing · 前処理", Record("Toji", m::prepare_data), README),
    f("README", "Training · 学習", Record("Toji", m::train), README),
    f("README", "Prediction · 推論", Record("Toji", m::predict), README),
    f("README", "Random seeds · 乱数シード", Record(LOCK, m::seeds), README),
    f("README", "Assumptions · 前提条件", Both(LOCK, m::assumptions, "assumptions"), README),
    f(
        "zip",
        "Source code · ソースコード",
        File("recipes and facts; Toji itself from the place that README.md names"),
        "recipes/",
    ),
    f("zip", "Trained model · 学習済みモデル", File("packed weights, safetensors"), "models/"),
    f(
        "zip",
        "Data that Nishika does not give · Nishika外のデータ",
        File("edits.csv, tables of boxes, weights that training began with, where there are such"),
        LOCK,
    ),
    f(
        "zip",
        "What the submission is tied to · 投稿ファイルに紐づく情報",
        File("all that the submission was made of"),
        LOCK,
    ),
];

const SIGNATE: &[Field] = &[
    f("1", "Source code", File("recipes and facts; Toji itself from the place that README.md names"), "recipes/"),
    f("2", "Trained model", File("packed weights, safetensors"), "models/"),
    f("3", "Environment: system and software", Record(LOCK, m::environment), README),
    f("3", "Where to get Toji", Author("toji"), README),
    f("3", "How to install", Record("Toji", m::install), README),
    f("3", "Exact versions of all software", File("Toji, toolchain and every crate"), "requirements.txt"),
    f("4", "Preprocessing", Record("Toji", m::prepare_data), PROCEDURE),
    f("4", "Training", Record("Toji", m::train), PROCEDURE),
    f("4", "Prediction", Record("Toji", m::predict), PROCEDURE),
    f("4", "Preprocessing, as a script", File("takes the folder of the data"), "preprocess.sh"),
    f("4", "Training, as a script", File("takes the folder of the data"), "train.sh"),
    f("4", "Prediction, as a script", File("takes the folder of the data"), "predict.sh"),
    f("5", "Random seeds", Record(LOCK, m::seeds), README),
    f("6", "That the model is identical: hashes", Record(LOCK, m::identity), README),
    f("6", "Hashes of all files", File("BLAKE3, as b3sum writes and checks it"), "hashes.txt"),
    f("7", "External data, weights and their licences", Both(LOCK, m::weights, "external"), README),
    f("8", "How the model works", Both(LOCK, m::in_short, "summary"), README),
    f("8", "Execution time", Record(LOCK, m::times), README),
    f("8", "Plots and photos", File(REPORT), "report.html"),
    f("9", "Team", Author("team"), README),
    f("9", "Assumptions", Both(LOCK, m::assumptions, "assumptions"), README),
];

impl Host {
    /// All of them.
    pub const ALL: [Host; 3] = [Host::Kaggle, Host::Nishika, Host::Signate];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Host::Kaggle => "kaggle",
            Host::Nishika => "nishika",
            Host::Signate => "signate",
        }
    }

    /// The name as the host writes it.
    pub fn title(self) -> &'static str {
        match self {
            Host::Kaggle => "Kaggle",
            Host::Nishika => "Nishika",
            Host::Signate => "SIGNATE",
        }
    }

    /// What it asks for, in its order.
    pub fn fields(self) -> &'static [Field] {
        match self {
            Host::Kaggle => KAGGLE,
            Host::Nishika => NISHIKA,
            Host::Signate => SIGNATE,
        }
    }

    /// The document that people read, of which a Word file may be made too; its name in the pack.
    pub fn document(self) -> Option<&'static str> {
        match self {
            Host::Kaggle => Some(SUMMARY),
            Host::Nishika => Some(DOCUMENT),
            Host::Signate => None,
        }
    }

    /// The files that are written from fields, in the order in which a reader meets them.
    pub fn written(self) -> Vec<&'static str> {
        let mut files = Vec::new();
        for field in self.fields().iter().filter(|field| !matches!(field.from, File(_))) {
            if !files.contains(&field.file) {
                files.push(field.file);
            }
        }
        files
    }

    /// The questions that its author must answer.
    pub fn questions(self) -> Vec<&'static super::questions::Question> {
        let asked = |field: &Field| match field.from {
            Author(id) | Both(_, _, id) => super::questions::named(id),
            _ => None,
        };
        let mut found: Vec<&'static super::questions::Question> = Vec::new();
        for question in self.fields().iter().filter_map(asked) {
            if found.iter().all(|known| known.id != question.id) {
                found.push(question);
            }
        }
        found
    }

    /// The fields as a Markdown table.
    pub fn table(self) -> String {
        let mut out = "| | asked for | from | in the pack |\n|---|---|---|---|\n".to_owned();
        for Field { number, asks, from, file } in self.fields() {
            let from = match from {
                Record(by, _) => format!("recorded: {by}"),
                Author(id) => format!("the author: {}", title(id)),
                Both(by, _, id) => format!("recorded: {by}; the author: {}", title(id)),
                File(holds) => format!("made: {holds}"),
            };
            out.push_str(&format!("| {number} | {asks} | {from} | {file} |\n"));
        }
        out
    }
}

fn title(id: &str) -> &'static str {
    super::questions::named(id).map_or("", |question| question.short())
}

#[cfg(test)]
mod tests {
    use super::super::questions::{QUESTIONS, named};
    use super::*;

    #[test]
    fn every_field_of_an_author_has_its_question_and_every_question_a_field() {
        for host in Host::ALL {
            for field in host.fields() {
                if let Author(id) | Both(_, _, id) = field.from {
                    assert!(named(id).is_some(), "{}: {id}", field.asks);
                }
                assert!(!field.file.is_empty() && !field.asks.contains('|'));
            }
        }
        let asked: Vec<&str> = Host::ALL.iter().flat_map(|host| host.questions()).map(|question| question.id).collect();
        assert!(QUESTIONS.iter().all(|question| asked.contains(&question.id)));
    }
}
