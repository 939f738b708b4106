//! Names for meigara and brands that sound like sake and belong to nobody in particular.
//!
//! Takes numbers; gives a name of two parts (雪鶴, 春乃錦 …) that is unique for each number, and the
//! kinds of sake by which brands of one meigara are told apart.

const FIRST: [&str; 48] = [
    "雪", "月", "花", "春", "秋", "朝", "夕", "山", "川", "海", "森", "谷", "峰", "泉", "滝", "雲", "霞", "露", "霜",
    "虹", "星", "光", "風", "松", "竹", "梅", "桜", "藤", "菊", "蓮", "楓", "柳", "鶴", "亀", "鷹", "雁", "龍", "虎",
    "鯉", "鹿", "金", "銀", "玉", "白", "青", "千代", "八重", "若",
];

const SECOND: [&str; 32] = [
    "乃錦", "正宗", "の寿", "誉", "盛", "乃井", "娘", "露", "泉", "鶴", "の舞", "乃里", "嶺", "川", "美人", "乃友",
    "の司", "霞", "城", "浜", "丸", "若", "心", "乃宮", "灘", "関", "の華", "牡丹", "富士", "桂", "姫", "一",
];

const KINDS: [&str; 16] = [
    "純米",
    "純米吟醸",
    "純米大吟醸",
    "特別純米",
    "本醸造",
    "特別本醸造",
    "吟醸",
    "大吟醸",
    "生酛純米",
    "山廃純米",
    "にごり",
    "ひやおろし",
    "無濾過生原酒",
    "樽酒",
    "古酒",
    "新酒しぼりたて",
];

/// The name of a meigara; another number is another name.
pub fn meigara(number: usize) -> String {
    let all = FIRST.len() * SECOND.len();
    // 769 shares no factor with 1536, so neighbours in number are not neighbours in name.
    let place = (number % all) * 769 % all;
    let name = format!("{}{}", FIRST[place % FIRST.len()], SECOND[place / FIRST.len()]);
    match number / all {
        0 => name,
        again => format!("{name}{}号", again + 1),
    }
}

/// The name of a brand: number `variant` (0 to 15) of a meigara.
pub fn brand(number: usize, variant: usize) -> String {
    format!("{} {}", meigara(number), KINDS[(number * 7 + variant * 5) % KINDS.len()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique() {
        let meigara: BTreeSet<String> = (0..4000).map(super::meigara).collect();
        assert_eq!(meigara.len(), 4000);
        let brands: BTreeSet<String> = (0..2000).flat_map(|m| (0..16).map(move |v| brand(m, v))).collect();
        assert_eq!(brands.len(), 32_000);
    }
}
