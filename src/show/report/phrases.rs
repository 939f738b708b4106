//! All words of reports, in English and Japanese.
//!
//! One table: a name, the English, the Japanese. Places for numbers and names are `{0}`, `{1}`, …. What was recorded in words (a reason, an error, a
//! note) stands in a report as it was recorded.

/// The language of a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// Japanese.
    Japanese,
}

impl Language {
    /// Both.
    pub const ALL: [Language; 2] = [Language::English, Language::Japanese];

    /// Its code (ISO 639-1).
    pub fn code(self) -> &'static str {
        match self {
            Language::English => "en",
            Language::Japanese => "ja",
        }
    }
}

/// A phrase in both languages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Phrase {
    english: &'static str,
    japanese: &'static str,
}

impl Phrase {
    /// The phrase in a language.
    pub fn get(self, language: Language) -> &'static str {
        match language {
            Language::English => self.english,
            Language::Japanese => self.japanese,
        }
    }

    /// The phrase with its places filled.
    pub fn fill(self, language: Language, with: &[&str]) -> String {
        // Piece by piece, so that what is filled in is not read again.
        let mut out = String::new();
        let mut rest = self.get(language);
        while let Some((before, behind)) = rest.split_once('{') {
            out.push_str(before);
            let (place, after) = behind.split_once('}').unwrap_or((behind, ""));
            out.push_str(place.parse::<usize>().ok().and_then(|place| with.get(place)).copied().unwrap_or_default());
            rest = after;
        }
        out.push_str(rest);
        out
    }
}

macro_rules! phrases {
    ($($name:ident = $english:literal, $japanese:literal;)*) => {
        $(pub(super) const $name: Phrase = Phrase { english: $english, japanese: $japanese };)*
        /// All of them, for the tests.
        #[cfg(test)]
        const ALL: &[(&str, Phrase)] = &[$((stringify!($name), $name)),*];
    };
}

phrases! {
    // The top.
    TITLE = "{0}: report", "{0}：レポート";
    LEAD = "Competition: {0}. Recipe: {1}. Written on {2}.", "コンペティション：{0}　レシピ：{1}　作成日：{2}";
    LEAD_FILE = "About the submission {0} of {1}, as it was made.", "提出ファイル {0}（{1}）について、提出時の状態で記述しています。";
    NOTHING_INVENTED = "Every number here was recorded while working. What was not recorded is marked as missing, with what would record it.",
        "数値はすべて作業中に記録されたものです。記録のないものは「未記録」とし、記録するためのコマンドを添えています。";
    CONTENTS = "Contents", "目次";
    // Summary.
    SUMMARY = "Summary", "要約";
    S_SCORE = "{0} reaches {1} {2} (95 % interval {3} to {4}) over {5} held-out queries, on the rung {6}.",
        "{0} のスコアは、検証クエリ {5} 件（段階 {6}）で {1} = {2}（95 % 区間 {3}〜{4}）です。";
    S_SCORE_OF_LEDGER = "{0} reached {1} {2} (95 % interval {3} to {4}), as the ledger has it.",
        "{0} のスコアは、提出記録によると {1} = {2}（95 % 区間 {3}〜{4}）です。";
    S_NO_SCORE = "{0} has no score.", "{0} にはスコアがありません。";
    S_TRAINED = "It is a {0} with {1} million parameters that sees pictures of {2} pixels, trained with {3} for {4} epochs.",
        "ネットワークは {0}（パラメータ数 {1} 百万、入力画像 {2} ピクセル）で、損失関数 {3} により {4} エポック学習します。";
    S_UNTRAINED = "It is a {0} with {1} million parameters that sees pictures of {2} pixels; nothing of it was trained here.",
        "ネットワークは {0}（パラメータ数 {1} 百万、入力画像 {2} ピクセル）で、追加の学習は行っていません。";
    S_MEMBERS = "It joins the answers of {0} members: {1}.", "{0} 個のメンバー（{1}）の回答を統合します。";
    S_BETTER = "Against {0} that is {1} ({2} to {3}): better for certain.", "{0} との差は {1}（{2}〜{3}）で、確実に上回っています。";
    S_WORSE = "Against {0} that is {1} ({2} to {3}): worse for certain.", "{0} との差は {1}（{2}〜{3}）で、確実に下回っています。";
    S_UNDECIDED = "Against {0} that is {1} ({2} to {3}): no certain difference.", "{0} との差は {1}（{2}〜{3}）で、確実な差とは言えません。";
    S_TRIED = "{0} recipes were tried: for certain {1} are better than the pin and {2} worse, {3} are undecided; {4} failed, were stopped or lost.",
        "試したレシピは {0} 個です。基準レシピに対し、確実に良いもの {1} 個、確実に悪いもの {2} 個、判定できないもの {3} 個。失敗・停止・中断は {4} 個です。";
    S_PUBLIC = "The public leaderboard showed {0}.", "Public リーダーボードの値は {0} です。";
    S_BOTH = "The public leaderboard showed {0}, the private one {1}.", "リーダーボードの値は Public {0}、Private {1} です。";
    S_TIME = "Its stages took {0}, of these training {1}.", "全工程の所要時間は {0}、うち学習は {1} です。";
    S_SIMPLE = "The recipe {0} reaches {1} % of the score and took {2}.", "レシピ {0} は {2} でこのスコアの {1} % に達します。";
    // The recipe.
    RECIPE_AS_WRITTEN = "The recipe as written", "レシピ本文";
    TEXT_OF = "The text of {0}", "{0} の本文";
    SETTINGS = "All settings, with defaults and parents filled in", "全設定（既定値と継承元を補完済み）";
    // What was tried.
    TRIED = "What was tried", "試行の一覧";
    TRIED_ABOUT = "Each recipe stands below the one that it extends. Δ is the difference over the queries that both answered, with its 95 % interval by bootstrap over labels; it is certain where the interval leaves zero out.",
        "各レシピは継承元の下に示します。Δ は双方が回答したクエリでの差で、角括弧はラベル単位のブートストラップによる 95 % 区間です。区間が 0 を含まないとき、差は確実とします。";
    TRIED_FIGURE = "Each recipe minus the pin {0}, with 95 % intervals.", "各レシピと基準 {0} との差（95 % 区間）。";
    SCORES_FIGURE = "The score of each recipe, with 95 % intervals.", "各レシピのスコア（95 % 区間）。";
    BESIDE = "Beside others", "他のレシピとの比較";
    ENDED = "Runs that came to no end", "完了しなかった実行";
    ENDED_ABOUT = "{0} of {1} runs; the newest first.", "全 {1} 回の実行のうち {0} 回（新しい順）。";
    ENDED_NONE = "Of {0} runs none failed, was stopped or was lost.", "{0} 回の実行に、失敗・停止・中断はありません。";
    H_RECIPE = "recipe", "レシピ";
    H_CHANGES = "changes", "変更点";
    H_RUNG = "rung", "段階";
    H_SCORE = "score", "スコア";
    H_TO_PARENT = "Δ to parent", "継承元との Δ";
    H_TO_PIN = "Δ to pin", "基準との Δ";
    H_OUTCOME = "outcome", "結果";
    H_WHY = "why", "理由";
    H_TIME = "time", "時間";
    H_DATE = "date", "日付";
    O_PIN = "the pin", "基準";
    O_BETTER = "better", "良い";
    O_WORSE = "worse", "悪い";
    O_UNDECIDED = "undecided", "判定できず";
    O_UNPAIRED = "not paired", "比較不可";
    O_FAILED = "failed", "失敗";
    O_STOPPED = "stopped", "停止";
    O_LOST = "lost", "中断";
    O_BROKEN = "has mistakes", "記述に誤り";
    O_UNSCORED = "no score", "スコアなし";
    OLD_TEXT = "of an older text", "旧版の値";
    // Curves.
    CURVES = "Curves", "学習曲線";
    LOSS_FIGURE = "Loss over epochs; where there are several folds, their mean is drawn over them.", "損失の推移。複数のフォールドがあれば平均を重ねています。";
    SCORE_FIGURE = "Score over epochs; where there are several folds, their mean is drawn over them.", "スコアの推移。複数のフォールドがあれば平均を重ねています。";
    CURVES_NONE = "Nothing of it was trained, so there is no curve.", "学習を行っていないため、曲線はありません。";
    H_SERIES = "series", "系列";
    H_TRAINING = "training", "学習";
    H_FIRST = "first", "最初";
    H_LAST = "last", "最後";
    H_BEST = "best", "最良";
    H_EPOCH = "epoch", "エポック";
    // Folds.
    FOLDS = "Folds", "フォールド";
    FOLDS_MADE = "What the folds are made of", "フォールドの構成";
    FOLDS_FIGURE = "The score of each training.", "学習ごとのスコア。";
    SEEDS = "The same trainings by several seeds", "乱数シードを変えた同じ学習";
    FOLDS_SPREAD = "Mean {0}, standard deviation {1} over {2} trainings.", "{2} 回の学習の平均 {0}、標準偏差 {1}。";
    // Post steps.
    POST = "What the post steps are worth", "後処理の効果";
    POST_NONE = "It has no post steps.", "後処理はありません。";
    POST_ABOUT = "Without steps {0}, with all {1}; {2}.", "後処理なし {0}、すべて適用 {1}、{2}。";
    POST_FIGURE = "What is lost without each step, with 95 % intervals.", "各処理を外したときの損失（95 % 区間）。";
    H_STEP = "step", "処理";
    H_HERE = "here", "この位置で";
    H_ALONE = "alone", "単独で";
    H_LEFT_OUT = "left out", "外すと";
    H_SETTINGS = "settings", "設定";
    // Ensemble.
    ENSEMBLE = "Members and what they bring", "アンサンブルと各メンバーの寄与";
    ENSEMBLE_ABOUT = "Joined by {0}{1}: {2} before the ensemble's own post steps.", "統合方法 {0}{1}：後処理前のスコア {2}。";
    ENSEMBLE_SEARCHED = " with weights searched on the other folds", "（重みは他のフォールドで探索）";
    ENSEMBLE_FIGURE = "The ensemble minus the ensemble without each member, with 95 % intervals.", "各メンバーを除いた場合との差（95 % 区間）。";
    ENSEMBLE_ERRORS = "Correlation of the members' errors", "メンバー間の誤りの相関";
    H_MEMBER = "member", "メンバー";
    H_WEIGHT = "weight", "重み";
    H_WITHOUT = "without it", "除いた場合";
    H_BRINGS = "brings", "寄与";
    // Leaderboard.
    LEADERBOARD = "Cross-validation and leaderboard", "交差検証とリーダーボード";
    LEADERBOARD_NONE = "Nothing was handed in.", "提出はありません。";
    AGREEMENT = "Over {0} submissions with both numbers, Spearman's rho is {1}, Kendall's tau {2}; public minus cross-validation is {3} in the middle.",
        "双方の値がある提出 {0} 件で、スピアマンの ρ = {1}、ケンドールの τ = {2}。Public から交差検証を引いた差の中央値は {3} です。";
    TOO_FEW = "With {0} submissions that have both numbers no correlation is told; {1} are needed.", "双方の値がある提出が {0} 件のため、相関は示しません（{1} 件以上必要）。";
    SHAKE = "From the public to the private leaderboard, {0} of {1} submissions changed their place among each other; private minus public is {2} in the middle.",
        "Public から Private で、提出 {1} 件のうち {0} 件の順位が入れ替わりました。Private から Public を引いた差の中央値は {2} です。";
    LEADERBOARD_FIGURE = "Public score against cross-validation, with 95 % intervals of the latter and the line through all.", "交差検証と Public スコアの関係（横棒は交差検証の 95 % 区間、直線は全体の傾向）。";
    SIGN_CHANGES = "Public minus cross-validation is clearly above zero for some and below for others: the local examination does not mean the same for all recipes.",
        "Public と交差検証の差が、提出によって明らかに正または負になっています。手元の評価の意味がレシピによって異なるおそれがあります。";
    A_CV = "cross-validation", "交差検証";
    A_PUBLIC = "public score", "Public スコア";
    H_HASH = "file", "ファイル";
    H_CV = "CV", "CV";
    H_PUBLIC = "public", "Public";
    H_PRIVATE = "private", "Private";
    H_GAP = "public − CV", "Public − CV";
    H_PLACES = "place", "順位";
    H_FORECAST = "forecast", "予測";
    FINAL = "final", "最終提出";
    OUTLIER = "off the line", "外れ値";
    // Data.
    DATA = "The data, what was found in it, and what was decided", "データの所見と編集";
    DATA_ABOUT = "{0} labelled photos with {1} labels; {2} queries and {3} gallery photos of the host; {4} photos cannot be used.",
        "学習用写真 {0} 枚（ラベル {1} 種）、主催者のクエリ {2} 枚、ギャラリー {3} 枚。使用できない写真は {4} 枚です。";
    REVIEW_OF = "A review by the networks of {0} ({1} photos)", "{0} のネットワークによる点検（写真 {1} 枚）";
    REVIEW_OF_PICTURES = "A review of the pictures alone ({0} photos)", "画像のみによる点検（写真 {0} 枚）";
    REVIEW_STALE = "It was made of other photos or networks than those of now.", "現在とは異なる写真またはネットワークによる結果です。";
    REVIEW_CLEAN = "It found nothing over its thresholds.", "しきい値を超えるものはありませんでした。";
    EDITS = "Decisions (edits.csv)", "編集の決定（edits.csv）";
    EDITS_NONE = "No photo was dropped, relabelled, cropped or grouped.", "写真の除外・ラベル変更・切り抜き・グループ化は行っていません。";
    NOTES = "Notes of the reader", "読み込み時の注記";
    H_KIND = "kind", "種類";
    H_COUNT = "count", "件数";
    H_ACTION = "action", "操作";
    H_BY = "suggested by", "提案元";
    // Queries.
    QUERIES = "Best and worst queries", "最良・最悪のクエリ";
    QUERIES_ABOUT = "Of {0} queries {1} are answered right at once, {2} not among the first {3}.",
        "クエリ {0} 件のうち、1 位で正解したもの {1} 件、上位 {3} 件に正解がないもの {2} 件です。";
    BEST = "Best: the surest right answers", "最良：最も確信をもって正解したもの";
    WORST = "Worst: the surest mistakes", "最悪：最も確信をもって誤ったもの";
    QUERY_LINE = "{0}: first hit {1}, worth {2}", "{0}：最初の正解 {1}、得点 {2}";
    AT_RANK = "at rank {0}", "{0} 位";
    NO_HIT = "none", "なし";
    NO_LABEL = "no label", "ラベルなし";
    NOT_THERE = "not in the gallery", "ギャラリーに存在しない";
    QUERY_WORD = "query", "クエリ";
    HIT_WORD = "hit", "正解";
    MISS_WORD = "miss", "不正解";
    // Ablations.
    ABLATIONS = "Ablations", "アブレーション";
    ABLATIONS_ABOUT = "Recipes that differ from it in one key. Δ is this recipe minus the other.", "設定が 1 か所だけ異なるレシピです。Δ は本レシピから相手を引いた差です。";
    ABLATIONS_FIGURE = "This recipe minus each that differs in one key, with 95 % intervals.", "1 か所だけ異なる各レシピとの差（95 % 区間）。";
    H_KEY = "key", "設定項目";
    H_OWN = "here", "本レシピ";
    H_OTHER = "there", "相手";
    H_DELTA = "Δ", "Δ";
    // Cost.
    COST = "Time and cost of each stage", "工程ごとの時間とコスト";
    COST_FIGURE = "Seconds by kind of stage.", "工程の種類ごとの秒数。";
    A_SECONDS = "seconds", "秒";
    H_STAGE = "stage", "工程";
    H_DISK = "disk", "容量";
    H_MACHINE = "machine", "計算機";
    H_MISSING = "no longer there", "失われた数";
    SUM = "all", "合計";
    // The simple model.
    SIMPLE = "The simple model that reaches 95 %", "95 % に達する簡単なモデル";
    SIMPLE_IS = "{0} has {1} on the same queries, {2} % of {3}, and took {4} instead of {5}.", "{0} は同じクエリで {1}（{3} の {2} %）、所要時間は {5} に対して {4} です。";
    SIMPLE_IS_SUBJECT = "No recipe that was scored on the same queries reaches 95 % of it in less time: it took {0} itself.",
        "同じクエリで評価したレシピに、より短い時間で 95 % に達するものはありません。本レシピの所要時間は {0} です。";
    SIMPLE_SIZE = "It has {0} million parameters.", "パラメータ数は {0} 百万です。";
    // Making.
    MADE = "Environment, seeds, hashes, licences", "環境・乱数シード・ハッシュ・ライセンス";
    M_RUN = "run", "実行";
    M_COMMAND = "command", "コマンド";
    M_MACHINE = "machine", "計算機";
    M_CPU = "processor", "CPU";
    M_THREADS = "threads", "スレッド数";
    M_GPU = "card", "GPU";
    M_OS = "system", "OS";
    M_TOJI = "Toji", "Toji";
    M_RUSTC = "compiler", "コンパイラ";
    M_CRATES = "list of crates (BLAKE3)", "依存クレート一覧（BLAKE3）";
    M_COMMIT = "commit", "コミット";
    M_DIRTY = "{0}, with changes that were not committed", "{0}（未コミットの変更あり）";
    M_SEED = "seed", "乱数シード";
    M_MANIFEST = "photos and tables (BLAKE3)", "写真と表（BLAKE3）";
    M_RECIPE = "settings (BLAKE3)", "設定（BLAKE3）";
    M_FILE = "submission (BLAKE3)", "提出ファイル（BLAKE3）";
    WEIGHTS = "Weights that training began with", "学習の初期重み";
    WEIGHTS_NONE = "Training began with drawn weights: nothing of others is in them.", "乱数による初期値から学習しており、第三者の重みは含みません。";
    H_FILE = "file", "ファイル";
    H_LICENCE = "licence", "ライセンス";
    H_HASH_OF = "hash", "ハッシュ";
    UNKNOWN = "missing", "未記録";
    LIBRARIES = "Libraries that the program is built of: {0}, by licence", "プログラムを構成するライブラリ {0} 個（ライセンス別）";
    KEYS = "Keys of all stages", "全工程のキー";
    H_WHAT = "what", "項目";
    H_VALUE = "value", "値";
    // What is missing.
    MISSING = "What is missing", "未記録の項目";
    MISSING_NONE = "Nothing that a report tells is missing.", "未記録の項目はありません。";
    MISSING_ONE = "Missing: {0}. What would record it: ", "未記録：{0}。記録方法：";
    H_RECORDED_BY = "what would record it", "記録方法";
    L_SCORE = "a score", "スコア";
    L_SEEDS = "the spread between seeds", "乱数シードによるばらつき";
    L_FOLDS = "the scores of all folds", "全フォールドのスコア";
    L_CURVES = "curves of its trainings", "学習曲線";
    L_GAINS = "what its post steps are worth", "後処理の効果";
    L_MEMBERS = "what its members are worth", "各メンバーの寄与";
    L_SUBMISSION = "a submission", "提出ファイル";
    L_PUBLIC = "a number of the public leaderboard", "Public リーダーボードの値";
    L_PRIVATE = "a number of the private leaderboard", "Private リーダーボードの値";
    L_SPLIT = "how the host divides its queries", "主催者によるクエリの分割比";
    L_REVIEW = "a look at the data", "データの点検";
    L_QUERIES = "its ranked lists", "検索結果のリスト";
    L_ABLATIONS = "a recipe that differs in one key", "1 か所だけ異なるレシピ";
    L_SIMPLE = "another recipe that was scored on the same queries", "同じクエリで評価した他のレシピ";
    L_RUN = "the run that made it, with its recipe.lock.toml", "作成した実行とその recipe.lock.toml";
    L_COMMIT = "the commit of the project's repository", "リポジトリのコミット";
    L_LICENCE = "the licence of its weights", "重みのライセンス";
    L_ARTEFACTS = "stages that are no longer in the store", "保存されていない工程";
    // Comparisons.
    C_SCORES = "Scores", "スコア";
    C_QUERIES = "queries", "クエリ数";
    C_FIRST = "compared with it", "比較の基準";
    C_BETTER = "chance that it is better", "上回る確率";
    C_COUNTS = "wins / ties / losses", "勝ち / 引き分け / 負け";
    C_FIGURE = "Each recipe minus {0}, with 95 % intervals.", "各レシピから {0} を引いた差（95 % 区間）。";
    C_COST = "Cost", "コスト";
    C_TRAINING = "of it training", "うち学習";
    C_PARAMETERS = "parameters", "パラメータ数";
    C_ADDS = "multiply-adds", "積和演算数";
    C_TO_RUN = "stages to run", "未実行の工程";
    C_SETTINGS = "Settings that differ", "異なる設定";
    C_SAME = "All settings are the same.", "設定はすべて同じです。";
    C_MOVED = "Queries that moved", "結果が変わったクエリ";
    C_MOVED_NONE = "No query moved, or lists are missing.", "変わったクエリがないか、リストがありません。";
    C_MOVED_ABOUT = "{0} queries moved; these {1} moved most. The number is the rank of the first right answer.",
        "{0} 件のクエリの結果が変わりました。変化の大きい {1} 件を示します。数値は最初の正解の順位です。";
    COMPARED = "{0} beside {1}", "{0} と {1} の比較";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_phrase_has_both_languages_and_the_same_places() {
        // Names that are the same everywhere.
        let same = ["Toji", "Δ", "CV"];
        let places = |text: &str| {
            let mut found: Vec<&str> = text.split('{').skip(1).filter_map(|rest| rest.split('}').next()).collect();
            found.sort_unstable();
            found.into_iter().map(str::to_owned).collect::<Vec<_>>()
        };
        for (name, phrase) in ALL {
            let (english, japanese) = (phrase.get(Language::English), phrase.get(Language::Japanese));
            assert_eq!(places(english), places(japanese), "{name}");
            assert!(!english.is_empty() && english.chars().all(|c| c.is_ascii() || "ΔΔ−".contains(c)), "{name}");
            let is_japanese = japanese.chars().any(|c| ('\u{3000}'..='\u{9fff}').contains(&c));
            let is_name = same.contains(&japanese)
                || ["Public", "Private", "CPU", "GPU", "OS"].iter().any(|w| japanese.starts_with(w));
            assert!(is_japanese || is_name, "{name}: {japanese}");
        }
        assert!(ALL.len() > 150);
    }

    #[test]
    fn what_is_filled_in_is_not_read_again() {
        let phrase = Phrase { english: "a {1} b {0}", japanese: "{0}" };
        assert_eq!(phrase.fill(Language::English, &["{1}", "x"]), "a x b {1}");
        assert_eq!(phrase.fill(Language::Japanese, &[]), "");
    }
}
