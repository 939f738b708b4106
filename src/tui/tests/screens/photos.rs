//! Queries and suspects with their photos, on three sizes, and where pictures are off.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{LARGE, NARROW, USUAL, model, screen};
use crate::tui::model::Model;
use crate::tui::terminal::way::Protocol;
use crate::tui::tests::sample;
use crate::tui::{Feed, view};

/// A model whose photos have come.
fn loaded(mut model: Model) -> Model {
    let wanted = view::wanted(&model);
    for wish in model.album.want(wanted).unwrap_or_default() {
        let photo = sample::photo(&wish);
        model.take(Feed::Photo(wish, photo));
    }
    model
}

/// A model for which it was found out why the answer stands where it does.
fn explained(mut model: Model) -> Model {
    let wish = model.why_wish();
    if let Some(wish) = model.whys.want(wish) {
        let found = sample::why(&wish);
        assert!(model.take(Feed::Why(wish, Box::new(found))));
    }
    model
}

/// The screen with each picture's cells as `█`, which say less than their colours.
fn shown(model: &Model) -> String {
    screen(model).replace('▀', "█")
}

#[test]
fn queries_narrow() {
    insta::assert_snapshot!(screen(&model(sample::snapshot(), NARROW, "j j 6")), @"
    1 2 3 4 5 6 Queries 7 8 9      1 busy +1
    02-arcface  1/6  MRR@5 0.4917
    worst first
      rank  query
    ❯ miss  𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷…
         5  evil·]0;owned· ·<b>
         4  獺祭 純米大吟醸 磨き三割九分
         2  獺祭 純米大吟醸 磨き三割九分
         1  久保田 千寿
         1  久保田 千寿
    1 miss .90    久保田 千寿
    2 miss .85    獺祭 純米大吟醸 磨き三割…
    3 miss .80    獺祭 純米大吟醸 磨き三割…
    4 miss .75    evil·]0;owned· ·<b>
    5 miss .70    久保田 千寿



    02-arcface: saved, only [post] changed
    enter photo o order ? help q quit
    ");
}

#[test]
fn queries_usual() {
    insta::assert_snapshot!(shown(&loaded(model(sample::snapshot(), USUAL, "j j 6"))), @"
    Board Page Curves Plan Ledger Queries Review Compare Queue      1 busy, 1 queued
    02-arcface  1/6  MRR@5 0.4917  worst first
      rank  query                xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…
    ❯ miss  𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷…  no hit among 5, 1 right; MRR@5 0.0000
         5  evil·]0;owned· ·<b>  ███████████ ███████████ no picture: ███████████
         4  獺祭 純米大吟醸 磨…  ███████████ ███████████ is not      ███████████
         2  獺祭 純米大吟醸 磨…  ███████████ ███████████ there       ███████████
         1  久保田 千寿          ███████████ ███████████             ███████████
         1  久保田 千寿          ███████████ ███████████             ███████████
                                 ███████████ ███████████             ███████████
                                 ███████████ ███████████             ███████████
                                 query       1 miss .90  2 miss .85  3 miss .80
                                 𠮷𠮷𠮷𠮷𠮷… 久保田 千寿 獺祭 純米…  獺祭 純米…
                                 ███████████ ███████████
                                 ███████████ ███████████
                                 ███████████ ███████████
                                 ███████████ ███████████
                                 ███████████ ███████████
                                 ███████████ ███████████
                                 ███████████ ███████████
                                 4 miss .75  5 miss .70
                                 evil·]0;ow… 久保田 千寿
    02-arcface: saved, only [post] changed
    enter photo  o order  v against  w why  r run  R rung  s stop  ? help  q quit
    ");
}

#[test]
fn queries_beside_the_pin() {
    let mut model = model(sample::snapshot(), USUAL, "j j 6 v");
    model.take(Feed::Snapshot(std::sync::Arc::new(sample::compared())));
    insta::assert_snapshot!(shown(&loaded(model)), @"
    Board Page Curves Plan Ledger Queries Review Compare Queue      1 busy, 1 queued
    02-arcface  1/6  MRR@5 0.4917  changed first  -0.0083, 2 lost, 3 won against 01…
      rank  was  query           xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…
    ❯ miss    1  𠮷𠮷𠮷𠮷𠮷𠮷𠮷… no hit among 5, 1 right; MRR@5 0.0000; was 1, 1.00…
         1    4  久保田 千寿     ███████████ ███████████ no picture: ███████████
         2    1  獺祭 純米大吟…  ███████████ ███████████ is not      ███████████
         1    2  久保田 千寿     ███████████ ███████████ there       ███████████
         5 miss  evil·]0;owned·… ███████████ ███████████             ███████████
         4    4  獺祭 純米大吟…  ███████████ ███████████             ███████████
                                 ███████████ ███████████             ███████████
                                 ███████████ ███████████             ███████████
                                 query       1 miss .90  2 miss .85  3 miss .80
                                 𠮷𠮷𠮷𠮷𠮷… 久保田 千寿 獺祭 純米…  獺祭 純米…
                                 ███████████ ███████████
                                 ███████████ ███████████
                                 ███████████ ███████████
                                 ███████████ ███████████
                                 ███████████ ███████████
                                 ███████████ ███████████
                                 ███████████ ███████████
                                 4 miss .75  5 miss .70
                                 evil·]0;ow… 久保田 千寿
    beside 01-baseline
    enter photo  o order  v against  w why  r run  R rung  s stop  ? help  q quit
    ");
}

#[test]
fn queries_large() {
    let mut model = model(sample::snapshot(), LARGE, "j j 6 v j");
    model.take(Feed::Snapshot(std::sync::Arc::new(sample::compared())));
    insta::assert_snapshot!(shown(&loaded(model)), @"
     Board   Page   Curves   Plan   Ledger   Queries   Review   Compare   Queue   sake-labels                                           worker: 02-arcface +1 queued
    02-arcface  1/6  MRR@5 0.4917  changed first  -0.0083, 2 lost, 3 won against 01-baseline
      rank  was  value  query                            xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…
    ❯ miss    1  0.000  𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷… xxxxxxxxxxx… no hit among 5, 1 right; MRR@5 0.0000; was 1, 1.0000 in 01-baseline
         1    4  1.000  久保田 千寿         ·[31mred  ·… ██████████████████████████████ ██████████████████████████████ no picture: is not there
         2    1  0.500  獺祭 純米大吟醸 磨… 000100       ██████████████████████████████ ██████████████████████████████
         1    2  1.000  久保田 千寿         000000       ██████████████████████████████ ██████████████████████████████
         5 miss  0.200  evil·]0;owned· ·<b> 000200       ██████████████████████████████ ██████████████████████████████
         4    4  0.250  獺祭 純米大吟醸 磨… 000500       ██████████████████████████████ ██████████████████████████████
                                                         ██████████████████████████████ ██████████████████████████████
                                                         ██████████████████████████████ ██████████████████████████████
                                                         ██████████████████████████████ ██████████████████████████████
                                                         ██████████████████████████████ ██████████████████████████████
                                                         ██████████████████████████████ ██████████████████████████████
                                                         ██████████████████████████████ ██████████████████████████████
                                                         ██████████████████████████████ ██████████████████████████████
                                                         ██████████████████████████████ ██████████████████████████████
                                                         ██████████████████████████████ ██████████████████████████████
                                                         ██████████████████████████████ ██████████████████████████████
                                                         ██████████████████████████████ ██████████████████████████████
                                                         ██████████████████████████████ ██████████████████████████████
                                                         ██████████████████████████████ ██████████████████████████████
                                                         ██████████████████████████████ ██████████████████████████████
                                                         ██████████████████████████████ ██████████████████████████████
                                                         query                          1 miss .90                     2 miss .85
                                                         𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷…  久保田 千寿                    獺祭 純米大吟醸 磨き三割九分
                                                         ██████████████████████████████ ██████████████████████████████ ██████████████████████████████
                                                         ██████████████████████████████ ██████████████████████████████ ██████████████████████████████
                                                         ██████████████████████████████ ██████████████████████████████ ██████████████████████████████
                                                         ██████████████████████████████ ██████████████████████████████ ██████████████████████████████
                                                         ██████████████████████████████ ██████████████████████████████ ██████████████████████████████
                                                         ██████████████████████████████ ██████████████████████████████ ██████████████████████████████
                                                         ██████████████████████████████ ██████████████████████████████ ██████████████████████████████
                                                         ██████████████████████████████ ██████████████████████████████ ██████████████████████████████
                                                         ██████████████████████████████ ██████████████████████████████ ██████████████████████████████
                                                         ██████████████████████████████ ██████████████████████████████ ██████████████████████████████
                                                         ██████████████████████████████ ██████████████████████████████ ██████████████████████████████
                                                         ██████████████████████████████ ██████████████████████████████ ██████████████████████████████
                                                         ██████████████████████████████ ██████████████████████████████ ██████████████████████████████
                                                         ██████████████████████████████ ██████████████████████████████ ██████████████████████████████
                                                         ██████████████████████████████ ██████████████████████████████ ██████████████████████████████
                                                         ██████████████████████████████ ██████████████████████████████ ██████████████████████████████
                                                         ██████████████████████████████ ██████████████████████████████ ██████████████████████████████
                                                         ██████████████████████████████ ██████████████████████████████ ██████████████████████████████
                                                         ██████████████████████████████ ██████████████████████████████ ██████████████████████████████
                                                         ██████████████████████████████ ██████████████████████████████ ██████████████████████████████
                                                         3 miss .80                     4 miss .75                     5 miss .70
                                                         獺祭 純米大吟醸 磨き三割九分   evil·]0;owned· ·<b>            久保田 千寿
    02-arcface: saved, only [post] changed
    enter photo  o order  v against  w why  r run  R rung  s stop  p pin  a advice  ] next  b board  : actions  ? help  q quit
    ");
}

#[test]
fn queries_without_pictures() {
    let mut model = model(sample::snapshot(), USUAL, "j j 6 j");
    model.options.way.protocol = Protocol::Off;
    assert!(view::wanted(&model).is_empty(), "nothing is loaded for nobody");
    insta::assert_snapshot!(screen(&model), @"
    Board Page Curves Plan Ledger Queries Review Compare Queue      1 busy, 1 queued
    02-arcface  2/6  MRR@5 0.4917  worst first
      rank  query                000200  fold 0
      miss  𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷…  first hit 5, 1 right; MRR@5 0.2000
    ❯    5  evil·]0;owned· ·<b>  1 miss .91    久保田 千寿
         4  獺祭 純米大吟醸 磨…  2 miss .86    獺祭 純米大吟醸 磨き三割九分
         2  獺祭 純米大吟醸 磨…  3 miss .81    獺祭 純米大吟醸 磨き三割九分
         1  久保田 千寿          4 miss .76    𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷…
         1  久保田 千寿          5 hit .71     evil·]0;owned· ·<b>













    02-arcface: saved, only [post] changed
    enter photo  o order  v against  w why  r run  R rung  s stop  ? help  q quit
    ");
}

#[test]
fn queries_that_are_not_there_say_what_makes_them() {
    let text = screen(&model(sample::snapshot(), USUAL, "6"));
    assert!(text.contains("Reading the lists of 00-first-pour"), "{text}");
    let mut snapshot = sample::snapshot();
    let why = "00-first-pour has no lists up to smoke in the store; toji run 00-first-pour --rung smoke makes them";
    snapshot.queries = std::sync::Arc::new(toji::session::errands::looking::queries::Queries::missing(
        "00-first-pour",
        why.to_owned(),
    ));
    insta::assert_snapshot!(screen(&model(snapshot, NARROW, "6")), @"
    1 2 3 4 5 6 Queries 7 8 9      1 busy +1
    00-first-pour

    00-first-pour has no lists up to smoke
      in the store; toji run 00-first-pour
      --rung smoke makes them
    r runs it (R: up to a rung of your
      choice); nothing is trained by
      looking.









    02-arcface: saved, only [post] changed
    enter photo o order ? help q quit
    ");
}

#[test]
fn zoom_narrow() {
    insta::assert_snapshot!(shown(&loaded(model(sample::snapshot(), NARROW, "j j 6 enter n"))), @"
    1 2 3 4 5 6 Queries 7 8 9      1 busy +1
    █████████████████
    █████████████████
    █████████████████
    █████████████████
    █████████████████
    █████████████████
    █████████████████
    █████████████████
    █████████████████
    █████████████████
    █████████████████
    █████████████████
    2/6  answer 1 miss  similarity 0.9000
    久保田 千寿  000600
    asked: 𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷
      𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷
      𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷
    02-arcface: saved, only [post] changed
    n next p before w why esc close
    ");
}

#[test]
fn zoom_of_a_lost_photo_says_so() {
    insta::assert_snapshot!(shown(&loaded(model(sample::snapshot(), NARROW, "j j 6 enter n n"))), @"
    1 2 3 4 5 6 Queries 7 8 9      1 busy +1
    no picture: is not there











    3/6  answer 2 miss  similarity 0.8500
    獺祭 純米大吟醸 磨き三割九分  000700
    asked: 𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷
      𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷
      𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷
    02-arcface: saved, only [post] changed
    n next p before w why esc close
    ");
}

/// Says that a screen has all of these.
fn has(text: &str, all: &[&str]) {
    for part in all {
        assert!(text.contains(part), "{part:?} is not on\n{text}");
    }
}

#[test]
fn why_narrow() {
    let text = shown(&explained(loaded(model(sample::snapshot(), NARROW, "j j 6 w"))));
    has(
        &text,
        &["███████", "answer 1 miss, 0.9000 in the list;", "4 × 4 places;", "n next p before v light esc close"],
    );
}

#[test]
fn why_usual() {
    let text = shown(&explained(loaded(model(sample::snapshot(), USUAL, "j j 6 enter n w n"))));
    let first = "1  query row 1 column 2, answer row 2 column 3: cosine 0.70, adds 0.200";
    has(&text, &["███████", "answer 2 miss, 0.8500 in the list; cosine 0.7500 by the network of fold 0", first]);
    assert!(
        !text.contains("is not there"),
        "the network's own pictures show, whatever came of the file since:\n{text}"
    );
}

#[test]
fn why_large_and_in_letters() {
    let mut model = loaded(model(sample::snapshot(), LARGE, "j j 6 w"));
    model.options.charset = crate::tui::Charset::Ascii;
    model.options.colour = crate::tui::Colour::None;
    let text = screen(&explained(model));
    has(
        &text,
        &["answer 1 miss", "3  query row 1 column 3, answer row 2 column 3: cosine 0.85, adds 0.050", "asked: "],
    );
    assert!(!text.contains(['▀', '█', '░']), "{text}");
}

/// What is not known is said before all that the screen of queries says, too.
#[test]
fn why_without_pictures_or_a_network() {
    let mut model = model(sample::snapshot(), NARROW, "j j 6 w G");
    has(&shown(&loaded(model.clone())), &["both photos are shown to the network"]);
    model = explained(model);
    has(&screen(&model), &["the network of fold 0 is not in the"]);
    let mut model = super::model(sample::snapshot(), NARROW, "j j 6 w");
    model.options.way.protocol = Protocol::Off;
    has(&screen(&explained(model)), &["answer 1 miss, 0.9000 in the list;", "1  query row 1 column 2"]);
}

/// The same number stands at the places of a pair in both photos, and moves aside where one stands already.
#[test]
fn why_numbers_the_places() {
    let model = explained(loaded(model(sample::snapshot(), USUAL, "j j 6 w")));
    let mut buffer = Buffer::empty(Rect::new(0, 0, 80, 24));
    view::draw(&model, &mut buffer);
    let at = |number: &str| -> Vec<(u16, u16)> {
        let cells = (1..18).flat_map(|y| (0..80).map(move |x| (x, y)));
        cells
            .filter(|(x, y)| {
                buffer[(*x, *y)].symbol() == number
                    && buffer[(*x, *y)].modifier.contains(ratatui::style::Modifier::REVERSED)
            })
            .collect()
    };
    let (one, two, three) = (at("1"), at("2"), at("3"));
    assert_eq!((one.len(), two.len(), three.len()), (2, 2, 2), "{buffer:?}");
    // Query [0, 1], answer [1, 2] of 4 × 4; the third pair ends where the first does.
    assert!(one[0].1 < one[1].1 || one[0].0 > 40, "{one:?}");
    assert!(
        three.contains(&(one.iter().max_by_key(|at| at.0).unwrap().0 + 1, one.iter().max_by_key(|at| at.0).unwrap().1)),
        "{one:?} {three:?}"
    );
}

#[test]
fn review_narrow() {
    insta::assert_snapshot!(screen(&model(sample::snapshot(), NARROW, "j j 7")), @"
    1 2 3 4 5 6 7 Review 8 9       1 busy +1
    02-arcface  1/3  1,412 photos looked at
    [ wrong-label 2/3 ]  1/4
    ❯ .97 久保田 千寿  000000 → 獺祭 純米大…
      .81 𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷…  → evil·]0;owne…
      .74 久保田 千寿  ·[31mred  ·2J    drop




    久保田 千寿  000000
    3 of 5 neighbours say 獺祭 純米大吟醸 磨
      き三割九分
    proposed: relabel 獺祭 純米大吟醸 磨き三
      割九分 (r)
    1 differs 獺祭 純米大吟醸 磨き三割九分
    2 differs 獺祭 純米大吟醸 磨き三割九分
    3 differs 獺祭 純米大吟醸 磨き三割九分
    02-arcface: saved, only [post] changed
    enter photo k keep d drop ? help q quit
    ");
}

#[test]
fn review_usual() {
    insta::assert_snapshot!(shown(&loaded(model(sample::snapshot(), USUAL, "j j 7"))), @"
    Board Page Curves Plan Ledger Queries Review Compare Queue      1 busy, 1 queued
    02-arcface  1/3  1,412 photos looked at
    ❯ wrong-label       2/3│❯ .97 久保田 千寿  000000            → 獺祭 純米大吟醸 …
      duplicate           2│  .81 𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷… → evil·]0;owned· ·<…
      small-object        1│  .74 久保田 千寿  ·[31mred  ·2J                    drop
      dark                0│
                           │
                           │
                           │
                           │
                           │久保田 千寿  000000
                           │3 of 5 neighbours say 獺祭 純米大吟醸 磨き三割九分
                           │proposed: relabel 獺祭 純米大吟醸 磨き三割九分 (r)
                           │███████████ ███████████ ███████████ ███████████
                           │███████████ ███████████ ███████████ ███████████
                           │███████████ ███████████ ███████████ ███████████
                           │███████████ ███████████ ███████████ ███████████
                           │███████████ ███████████ ███████████ ███████████
                           │███████████ ███████████ ███████████ ███████████
                           │███████████ ███████████ ███████████ ███████████
                           │suspect     1 differs   2 differs   3 differs
                           │久保田 千寿 獺祭 純米…  獺祭 純米…  獺祭 純米…
    02-arcface: saved, only [post] changed
    enter photo  k keep  d drop  r relabel  c crop  g group  ? help  q quit
    ");
}

#[test]
fn review_large() {
    insta::assert_snapshot!(shown(&loaded(model(sample::snapshot(), LARGE, "j j 7 a n"))), @"
     Board   Page   Curves   Plan   Ledger   Queries   Review   Compare   Queue   sake-labels                                           worker: 02-arcface +1 queued
    02-arcface  2/4  1,412 photos looked at
    ❯ wrong-label       2/3│  .97 久保田 千寿  000000       → 獺祭 純米大吟醸… 𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷
      duplicate           2│❯ .81 𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷… → evil·]0;owned· …   𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷…
      small-object        1│  .74 久保田 千寿  ·[31mred  ·2J              drop   xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
      dark                0│  .31 久保田 千寿  001100       → 獺祭 純米大吟醸…   xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…
                           │                                                   2 of 5 neighbours say evil·]0;owned· ·<b>
                           │                                                   █████████████████████████ █████████████████████████ █████████████████████████
                           │                                                   █████████████████████████ █████████████████████████ █████████████████████████
                           │                                                   █████████████████████████ █████████████████████████ █████████████████████████
                           │                                                   █████████████████████████ █████████████████████████ █████████████████████████
                           │                                                   █████████████████████████ █████████████████████████ █████████████████████████
                           │                                                   █████████████████████████ █████████████████████████ █████████████████████████
                           │                                                   █████████████████████████ █████████████████████████ █████████████████████████
                           │                                                   █████████████████████████ █████████████████████████ █████████████████████████
                           │                                                   █████████████████████████ █████████████████████████ █████████████████████████
                           │                                                   █████████████████████████ █████████████████████████ █████████████████████████
                           │                                                   █████████████████████████ █████████████████████████ █████████████████████████
                           │                                                   █████████████████████████ █████████████████████████ █████████████████████████
                           │                                                   █████████████████████████ █████████████████████████ █████████████████████████
                           │                                                   █████████████████████████ █████████████████████████ █████████████████████████
                           │                                                   █████████████████████████ █████████████████████████ █████████████████████████
                           │                                                   █████████████████████████ █████████████████████████ █████████████████████████
                           │                                                   █████████████████████████ █████████████████████████ █████████████████████████
                           │                                                   suspect                   1 differs                 2 differs
                           │                                                   𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷… evil·]0;owned· ·<b>       evil·]0;owned· ·<b>
                           │
                           │
                           │
                           │
                           │
                           │
                           │
                           │
                           │
                           │
                           │
                           │
                           │
                           │
                           │
                           │
                           │
                           │
                           │
                           │
                           │
                           │
    02-arcface: saved, only [post] changed
    enter photo  k keep  d drop  r relabel  c crop  g group  u undo  / filter  D all  ] kind  m make  b board  : actions  ? help  q quit
    ");
}

#[test]
fn review_of_hostile_names_without_pictures() {
    let mut model = model(sample::snapshot(), USUAL, "j j 7 n n");
    model.options.way.protocol = Protocol::Off;
    insta::assert_snapshot!(screen(&model), @"
    Board Page Curves Plan Ledger Queries Review Compare Queue      1 busy, 1 queued
    02-arcface  3/3  1,412 photos looked at
    ❯ wrong-label       2/3│  .97 久保田 千寿  000000            → 獺祭 純米大吟醸 …
      duplicate           2│  .81 𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷… → evil·]0;owned· ·<…
      small-object        1│❯ .74 久保田 千寿  ·[31mred  ·2J                    drop
      dark                0│
                           │
                           │
                           │
                           │
                           │久保田 千寿  ·[31mred  ·2J
                           │1 of 5 neighbours say 𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷
                           │  𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷
                           │  𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷
                           │  𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷
                           │1 differs 𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷…
                           │
                           │
                           │
                           │
                           │
                           │
    02-arcface: saved, only [post] changed
    enter photo  k keep  d drop  r relabel  c crop  g group  ? help  q quit
    ");
}

#[test]
fn deciding_about_all_shows_what_is_written() {
    insta::assert_snapshot!(screen(&model(sample::snapshot(), USUAL, "j j 7 R")), @"
    Board Page Curves Plan Ledger Queries Review Compare Queue      1 busy, 1 queued
    02-arcface  1/3  1,412 photos looked at
    ❯ wrong-label       2/3│❯ .97 久保田 千寿  000000            → 獺祭 純米大吟醸 …
      duplicate           2│  .81 𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷… → evil·]0;owned· ·<…
      small-object        1│  .74 久保田 千寿  ·[31mred  ·2J                    drop
      dark                0│
              ┌ Decide ──────────────────────────────────────────────────┐
              │ relabel 2 photos:                                        │
              │ 000000 → 獺祭 純米大吟醸 磨き三…,                        │
              │ xxxxxxxxxxxxxxxxxxxxxxx… → evil·]0;owned· ·<b>           │
              │ 1 more show and stay: decided, or nothing like it is     │
              │ proposed for them.                                       │九分
              │                                                          │ (r)
              │ enter write       write it into edits.csv; u takes it b… │
              │ n     leave it    close                                  │
              └──────────────────────────────────────────────────────────┘
                           │
                           │
                           │
                           │
                           │suspect     1 differs   2 differs   3 differs
                           │久保田 千寿 獺祭 純米…  獺祭 純米…  獺祭 純米…
    02-arcface: saved, only [post] changed
    enter write  n leave it
    ");
}

#[test]
fn a_filter_is_typed_in_the_status_row() {
    insta::assert_snapshot!(screen(&model(sample::snapshot(), NARROW, "j j 7 / 獺")), @"
    1 2 3 4 5 6 7 Review 8 9       1 busy +1
    02-arcface  1/1  filter: 獺  1,412 phot…
    [ wrong-label 2/3 ]  1/4
    ❯ .97 久保田 千寿  000000 → 獺祭 純米大…






    久保田 千寿  000000
    3 of 5 neighbours say 獺祭 純米大吟醸 磨
      き三割九分
    proposed: relabel 獺祭 純米大吟醸 磨き三
      割九分 (r)
    1 differs 獺祭 純米大吟醸 磨き三割九分
    2 differs 獺祭 純米大吟醸 磨き三割九分
    3 differs 獺祭 純米大吟醸 磨き三割九分
    filter: 獺_
    enter done backspace erase esc all
    ");
}

#[test]
fn no_review_says_how_one_is_made() {
    insta::assert_snapshot!(screen(&model(sample::empty(), NARROW, "j j 7")), @"
    1 2 3 4 5 6 7 Review 8 9       no worker
    No review yet.

    A review ranks photos that are worth a
      look: wrong labels, copies, leaks
      between parts, several or small
      objects, bad quality, labels that are
      taken for each other. It works before
      any training, and better after it.

    m has it made by the networks of .







    ! toji.toml:3:1: unknown key `imges`
    enter photo k keep d drop ? help q quit
    ");
}

#[test]
fn no_size_panics_and_no_name_steers() {
    for width in (1..170).step_by(13) {
        for height in (1..52).step_by(3) {
            for keys in ["j j 6", "j j 6 enter n", "j j 7", "j j 7 ]", "j j 7 D", "j j 7 enter n"] {
                let mut model = loaded(model(sample::compared(), (width, height), keys));
                model.asking.against = Some("01-baseline".to_owned());
                let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
                view::draw(&model, &mut buffer);
                let steers = |c: char| c.is_control() || c == '\u{202e}';
                assert!(buffer.content.iter().all(|cell| !cell.symbol().contains(steers)), "{width}×{height} {keys}");
            }
        }
    }
}
