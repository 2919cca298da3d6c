//! Made-up news of the right shape: few words very often, many seldom, and now and then what topics look for.

use wirewatch::model::{Announce, Item, ItemKey, KeyKind, NewItem};

/// Different words of the made-up language.
const WORDS: u64 = 40_000;
/// What topics look for, and what only looks like it; one is as likely as another.
const PHRASES: &[&str] = &[
    "Trump",
    "Xi",
    "Xiaomi",
    "Trump Tower",
    "China",
    "Chinese",
    "the U.S.",
    "us",
    "Beijing",
    "Washington",
    "tariffs",
    "Tariff",
    "trade war",
    "trade talks",
    "trade",
    "rare earths",
    "rare-earth magnets",
    "rare; earth",
    "export controls",
    "export curbs on gallium",
    "phone call",
    "spoke by phone",
    "video call with Putin",
    "held a call with Macron",
    "prime minister",
    "president’s office",
    "Bessent",
    "He Lifeng",
    "critical minerals",
    "neodymium",
    "Straße",
    "entity list",
    "Section 301",
];
/// The same in Chinese, Traditional and Simplified.
const PHRASES_HAN: &[&str] = &[
    "稀土",
    "关税",
    "關稅",
    "中美",
    "习近平",
    "習近平",
    "特朗普",
    "川普",
    "通电话",
    "通話",
    "经贸会谈",
    "出口管制",
    "普京",
    "视频会晤",
    "实体清单",
    "中国",
    "美國",
    "元首",
    "有土",
    "稀少",
];
/// One word in so many is a seldom one; of a million items a few have two of them.
const SELDOM: u64 = 15_000;
/// The seldom words.
pub const SELDOM_WORDS: [&str; 3] = ["quokka", "zeppelin", "汽水"];

/// Writes items; the same seed gives the same items.
pub struct Newsroom {
    state: u64,
    written: u64,
    /// A text has one word in so many of the usual.
    brevity: u64,
}

impl Newsroom {
    /// One that writes only one word in `brevity` of the usual length.
    pub fn new(seed: u64, brevity: u64) -> Self {
        Self { state: seed, written: 0, brevity }
    }

    /// SplitMix64.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    fn one_of<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[usize::try_from(self.below(words.len() as u64)).unwrap()]
    }

    /// A rank below `n`, small ones far more often: as likely between 1 and 10 as between 10 and 100.
    fn rank(&mut self, n: u64) -> u64 {
        let share = self.below(1 << 32) as f64 / (1_u64 << 32) as f64;
        ((n as f64).powf(share) as u64).saturating_sub(1)
    }

    fn word(&mut self, out: &mut String) {
        const STARTS: &[u8] = b"bcdfghklmnprstvw";
        const VOWELS: &[u8] = b"aeiou";
        let mut rank = self.rank(WORDS) + 3;
        while rank > 0 {
            let syllable = usize::try_from(rank % 80).unwrap();
            out.push(char::from(STARTS[syllable / 5]));
            out.push(char::from(VOWELS[syllable % 5]));
            rank /= 80;
        }
    }

    fn text(&mut self, words: u64, topical: u64) -> String {
        let mut out = String::new();
        for at in 0..words {
            match self.below(1_000) {
                n if n < topical => out.push_str(self.one_of(PHRASES)),
                _ if self.below(SELDOM) == 0 => out.push_str(self.one_of(&SELDOM_WORDS)),
                _ => self.word(&mut out),
            }
            out.push_str(match self.below(24) {
                _ if at + 1 == words => "",
                0..2 => ". ",
                2..4 => ", ",
                _ => " ",
            });
        }
        out
    }

    fn han(&mut self, chars: u64, topical: u64) -> String {
        let mut out = String::new();
        for _ in 0..chars {
            match self.below(1_000) {
                n if n < topical => out.push_str(self.one_of(PHRASES_HAN)),
                n if n > 930 => out.push(if n % 3 == 0 { '。' } else { '，' }),
                _ => out.push(char::from_u32(0x4e00 + u32::try_from(self.rank(6_000)).unwrap()).unwrap()),
            }
        }
        out
    }

    /// The next item; some are about what topics look for, one in ten is in Chinese.
    pub fn item(&mut self) -> Item {
        self.written += 1;
        let topical = if self.below(10) == 0 { 150 * self.brevity } else { 5 };
        let is_han = self.below(10) == 0;
        let has_content = self.below(6) == 0;
        let (long, short) = ((90 + self.below(160)) / self.brevity, (20 + self.below(40)) / self.brevity);
        let [title, summary, content] = [8 + short / 8, short, if has_content { long } else { 0 }]
            .map(|length| if is_han { self.han(length * 2, topical) } else { self.text(length, topical) });
        let site = self.below(400);
        Item {
            guid: Some(format!("urn:item:{}", self.written)),
            link: format!("https://www.site{site}.example/{}/{title:.12}", self.written).parse().ok(),
            title,
            summary,
            content,
            author: site.is_multiple_of(3).then(|| format!("Writer {}", site / 3)),
            tags: if site.is_multiple_of(4) { vec![self.one_of(PHRASES).to_owned()] } else { Vec::new() },
            lang: Some(if is_han { "zh" } else { "en" }.to_owned()),
            ..Item::default()
        }
    }

    /// The next item on its way into the store, as a first poll brings it.
    pub fn new_item(&mut self) -> NewItem {
        let item = self.item();
        let mut hash = [0; 16];
        hash[..8].copy_from_slice(&self.written.to_le_bytes());
        NewItem {
            item,
            keys: vec![ItemKey { kind: KeyKind::GuidLink, hash }],
            story_key: None,
            matches: Vec::new(),
            announce: Announce::Baseline,
            routes: Vec::new(),
            alerts: 0,
        }
    }
}
