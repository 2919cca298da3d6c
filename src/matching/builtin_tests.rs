//! The built-in topics on headlines as papers write them: what must be found, and what only sounds like it.

use std::collections::BTreeMap;

use super::{CompiledTopics, Node, explain, matches};
use crate::{
    model::{Item, TopicName},
    query::{TopicSource, builtin, builtin_names, extend},
};

fn topics() -> CompiledTopics {
    let defs: Vec<_> = builtin_names()
        .iter()
        .map(|name| extend(&builtin(name).unwrap(), &TopicSource::default(), &BTreeMap::new()).unwrap())
        .collect();
    CompiledTopics::compile(&defs).unwrap()
}

fn item(text: &str) -> Item {
    let (title, summary) = text.split_once(" | ").unwrap_or((text, ""));
    Item { title: title.to_owned(), summary: summary.to_owned(), ..Item::default() }
}

/// Judges every text (`title` or `title | summary`) by `topic` and lists all that are wrong.
fn check(topic: &str, want: bool, texts: &[&str]) {
    let topics = topics();
    let wrong: Vec<String> = texts
        .iter()
        .filter_map(|text| {
            let found = explain(&topics, &TopicName::new(topic), &item(text)).unwrap();
            let labels =
                |nodes: Vec<&Node>| nodes.iter().map(|node| format!("{:?}", node.label)).collect::<Vec<_>>();
            let why = || {
                format!(
                    "{text}: missing {:?}, blocked by {:?}",
                    labels(found.missing()),
                    labels(found.blocking())
                )
            };
            (found.matched != want).then(why)
        })
        .collect();
    assert!(wrong.is_empty(), "{topic}, wanted {want}:\n{}", wrong.join("\n"));
}

#[test]
fn the_june_2025_call_matches_all_three() {
    let topics = topics();
    for text in [
        "Trump and Xi speak by phone for first time since tariff fight began | The two presidents discussed trade and \
         China's curbs on rare earths; Bessent, Lutnick and Greer will lead the next round of talks.",
        "Xi tells Trump in phone call that both sides must keep Geneva deal | Beijing's licences for rare-earth exports \
         and US tariffs were on the table.",
        "After 90-minute Trump–Xi phone call, Washington expects rare earths to flow | Trade talks resume next week.",
        "Trump says he spoke with Xi on Thursday | Trade and rare-earth magnets came up, and more talks will follow.",
        "Xi and Trump talk trade and rare earths on phone | It was their first contact since April's duties.",
        "Trump calls talk with Xi very good, rare earth issue settled | Bessent expects the phone call to calm trade with China.",
        "Presidents of US and China talk by phone about rare earths and trade",
        "习近平同特朗普通电话 | 两国元首谈及关税与稀土出口，双方同意尽快举行新一轮经贸会谈。",
        "特朗普：与习近平通话谈了一个半小时，稀土问题不再是难题 | 双方将就贸易协议继续磋商。",
        "習近平與川普通電話 | 雙方談到關稅和稀土，中美將舉行新一輪貿易談判。",
    ] {
        let names: Vec<_> = matches(&topics, &item(text)).into_iter().map(|found| found.topic).collect();
        let names: Vec<_> = names.iter().map(TopicName::as_str).collect();
        assert_eq!(names, builtin_names(), "{text}");
    }
}

#[test]
fn us_china_trade_is_found() {
    check(
        "us-china-trade",
        true,
        &[
            "Comment period opens on Section 301 tariffs for Chinese cranes",
            "Two more Chinese drone makers join the entity list | Export licences will be refused.",
            "US raises tariffs on Chinese steel to 50 per cent",
            "Beijing hits back with levies of its own | The White House had doubled tariffs on goods from China on Friday.",
            "China halts purchases of American LNG as tariffs bite",
            "Bessent and He Lifeng to resume trade talks in Stockholm",
            "U.S. puts three more Chinese chip firms on entity list",
            "Soybean growers fear for Chinese orders | US farmers wait for a deal between Washington and Beijing.",
            "Sino-US trade truce extended by ninety days",
            "Asian shares fall as China trade war flares again",
            "Trade war leaves toy makers in China with empty order books",
            "Trump to meet Xi on trade | He has put tariffs on Canada and tariffs on Mexico too; Carney is waiting.",
            "White House weighs new export controls on AI chips for China",
            "Boeing jets sent back from China in tariff row with America",
            "United States ends de minimis exemption for parcels from China",
            "China sues at the WTO over US port fees and retaliates",
            "Greer says Beijing has not kept its promises",
            "Section 301 inquiry into Chinese shipbuilding nears end, Washington says",
            "中美经贸会谈在日内瓦举行",
            "商务部：中方坚决反对美方加征关税",
            "特朗普称将对中国商品加征百分之百关税",
            "商務部將多家美國企業列入實體清單 回應美方出口管制 | 中方表示將採取反制措施。",
        ],
    );
}

#[test]
fn what_is_not_us_china_trade_is_left() {
    check(
        "us-china-trade",
        false,
        &[
            "Brussels opens anti-subsidy probe into Chinese electric cars | Washington watches.",
            "Canada and China settle canola quarrel",
            "US puts tariffs on Swiss watches",
            "Trump meets Xi for dinner in Florida",
            "Chinese balloon shot down by US fighter off Carolina",
            "Tell us what you think of Chinese food and foreign tariffs",
            "China's economy grows five per cent",
            "Several states issue TikTok bans for officials | US lawmakers call the Chinese app a spy, its chips too.",
            "Lakers trade guard to Washington; China tour goes ahead",
            "India and the US close to deal on tariffs",
            "Australia hopes China lifts tariffs on wine",
            "American pandas go home to China",
            "US warship sails through Taiwan Strait, Beijing protests",
            "Washington museum shows Chinese bronzes",
            "Huawei sells more phones at home than Apple",
            "欧盟对中国电动汽车加征关税",
            "加拿大公布对美反制清单 加征关税",
            "中国与东盟签署贸易协议",
            "特朗普宣布对欧盟商品加征关税",
        ],
    );
}

#[test]
fn rare_earths_are_found() {
    check(
        "rare-earths",
        true,
        &[
            "China puts seven rare earths under licence | Samarium, gadolinium, terbium, dysprosium, lutetium, scandium and \
         yttrium may not leave without a permit.",
            "Rare-earth magnets: carmakers warn of idle plants",
            "RARE EARTH prices double in a month",
            "Lynas opens separation plant in Malaysia",
            "Pentagon buys stake in MP Materials",
            "Kyiv and Washington sign minerals deal",
            "Congo extends cobalt export ban",
            "G7 agrees on critical-minerals stockpile",
            "Gallium and germanium exports fall to nothing",
            "Antimony at record as China tightens grip",
            "Graphite exports need a permit from December, Beijing says",
            "Brussels names 47 projects for critical raw materials",
            "Yttrium shortage spreads to jet engines",
            "Greenland's neodymium draws two bidders",
            "Nations split over deep-sea mining rules",
            "Tungsten miner to reopen Cornish shaft | It is one of the critical metals on the government's list.",
            "中国对稀土实施出口管制",
            "美乌签署矿产协议",
            "商务部公布镓、锗、锑出口禁令",
            "日本与澳大利亚合作开发關鍵礦產",
            "中重稀土釤釓鋱鏑列入管制",
        ],
    );
}

#[test]
fn what_only_sounds_like_rare_earths_is_left() {
    check(
        "rare-earths",
        false,
        &[
            "A rare earthquake shakes Morocco",
            "How rare. Earth has just one moon",
            "Rare Earth hypothesis: are we alone? | Why rare earth-like planets may be the exception",
            "Motown's rock band Rare Earth tours again | Rare Earth play forty dates.",
            "Lithium battery fire closes hostel",
            "Copper hits record high",
            "Gold miner buys rival",
            "New phone comes in graphite and blue",
            "Fridge magnets recalled after child swallows one",
            "Mineral water maker fined",
            "City is a magnet for talent",
            "Graphite pencils of the masters on show",
            "Physicists make snowflakes in liquid gallium",
            "Pocket-size GaN charger on sale | Gallium nitride keeps it cool.",
            "Carmaker signs lithium supply contract",
            "Nickel price slips on weak demand",
            "故宫展出稀有土陶",
            "国际油价上涨 黄金走低",
            "矿泉水品牌召回产品",
        ],
    );
}

#[test]
fn leader_calls_are_found() {
    check(
        "leader-calls",
        true,
        &[
            "Putin and Trump hold phone call on ceasefire",
            "Modi speaks to Zelenskyy by phone",
            "Macron holds video call with Chinese premier",
            "Xi and Putin open new year with video conference",
            "Starmer, Merz and Macron in joint call with Trump",
            "President Erdoğan’s phone call with Meloni lasts an hour",
            "Kremlin: no phone call planned between leaders",
            "G20 leaders meet in virtual summit",
            "Ishiba asks for telephone talks with Trump",
            "Ukraine war: what we know | Zelenskiy spoke over the phone with the Polish prime minister.",
            "Two-hour call between Biden and Xi covers Taiwan",
            "Xi and Trump agree in phone call to meet | The governor of the central bank and two mayors welcomed the news.",
            "Saudi crown prince receives a call from French president",
            "White House publishes readout of the call with Netanyahu",
            "Trump–Putin call ends without result",
            "Lula and Sheinbaum talk by telephone about tariffs",
            "习近平同法国总统马克龙通电话",
            "普京与特朗普通话近两小时",
            "李强出席二十国集团领导人视频峰会",
            "中俄元首举行视频会晤",
            "習近平同英國首相通電話",
        ],
    );
}

#[test]
fn other_calls_are_left() {
    check(
        "leader-calls",
        false,
        &[
            "Trump calls for lower interest rates",
            "Macron calls Putin's offer a trick",
            "Pope calls on rich nations to forgive debt",
            "Biden's call for unity falls flat",
            "Rubio phones Lavrov",
            "Foreign ministers of Japan and Korea speak by phone",
            "New Call of Duty has Putin as villain, seen in a video call",
            "Xi receives Macron in Beijing",
            "Trump and Putin meet in Alaska",
            "Prankster reaches German chancellor in video call",
            "Governor thanks president after phone call about flood aid",
            "Crew on space station takes phone call from president; astronauts thank him",
            "Trump Mobile sells a golden phone",
            "Court hears of phone call between Trump and election officials",
            "Netanyahu writes letter to Trump",
            "特朗普呼吁降息",
            "王毅同俄罗斯外长拉夫罗夫通电话 | 双方谈及两国领导人的共识。",
            "赵乐际在北京会见客人 | 他说，习近平主席前不久同总统先生通电话。",
            "习近平在北京会见法国总统",
            "手机销量下滑 总统呼吁支持国货",
        ],
    );
}
