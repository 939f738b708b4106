//! What `toji new` guesses, and that the guess works.

use toji::data::guess::guess;

use super::ground::Ground;

fn grocery() -> Ground {
    let mut rows = "image,label,coarse,split,open_set\n".to_owned();
    let ground = Ground::new();
    for (i, label) in ["Gala", "Gala", "Gala", "Kiwi", "Kiwi", "Kiwi", "Lime", "Lime"].iter().enumerate() {
        let coarse = if *label == "Gala" { "Apple" } else { "Other" };
        let split = if i % 3 == 2 { "test" } else { "train" };
        let open_set = if *label == "Gala" { "eval" } else { "train" };
        rows += &format!("{label}_{i}.jpg,{label},{coarse},{split},{open_set}\n");
        ground.pictures(&[&format!("images/{label}_{i}.jpg")]);
    }
    ground.file("manifest.csv", rows.as_bytes());
    ground
}

/// The guess as text and its toji.toml; the toml must say what the facts say, through the real reader.
fn guessed(ground: &Ground) -> String {
    let guess = guess(ground.root()).unwrap();
    let text = ground.told(guess.text());
    let competition = ground.competition(&guess.toml()).unwrap();
    assert_eq!(competition, toji::data::Competition::of(ground.root(), &guess.settings()).unwrap());
    ground.manifest(&guess.toml()).unwrap();
    let name = ground.root().file_name().unwrap().to_string_lossy().into_owned();
    text.replace(&name, "PROJECT")
}

#[test]
fn one_table_and_a_folder_of_pictures() {
    insta::assert_snapshot!(guessed(&grocery()), @r#"
    competition.name     "PROJECT"  (the folder's name)
    data.layout          "table"  (one table lists the photos)
    data.table           "manifest.csv"  (it lists files and labels in 8 rows)
    data.images          "images"  (the table's first pictures are there)
    data.columns.image   "image"  (its files are there)
    data.columns.label   "label"  (by its name; its values repeat)
    data.columns.coarse  "coarse"  (by its name; a second label level)
    note: recipes can divide by "split": [folds] scheme = "column", column = "split", train = "train", eval = "test"
    note: recipes can divide by "open_set": [folds] scheme = "column", column = "open_set", train = "train", eval = "eval"
    note: the tables list 8 photos for training, 0 to look up and 0 to be found
    "#);
}

#[test]
fn the_toml_is_commented() {
    let ground = grocery();
    let guess = guess(ground.root()).unwrap();
    let toml =
        ground.told(guess.toml()).lines().filter(|line| !line.starts_with("name")).collect::<Vec<_>>().join("\n");
    insta::assert_snapshot!(toml, @r#"
    # The facts of the competition, guessed by `toji new`. Correct what is wrong;
    # `toji explain data` tells what else can be said.

    [competition]

    [data]
    layout = "table"  # one table lists the photos
    table = "manifest.csv"  # it lists files and labels in 8 rows
    images = "images"  # the table's first pictures are there
    columns.image = "image"  # its files are there
    columns.label = "label"  # by its name; its values repeat
    columns.coarse = "coarse"  # by its name; a second label level

    # recipes can divide by "split": [folds] scheme = "column", column = "split", train = "train", eval = "test"
    # recipes can divide by "open_set": [folds] scheme = "column", column = "open_set", train = "train", eval = "eval"
    # the tables list 8 photos for training, 0 to look up and 0 to be found
    "#);
}

#[test]
fn nishika_in_a_folder_of_its_own() {
    let ground = Ground::with(&[
        ("input/train.csv", "gid,filename,brand_id,meigara\n1,a.jpg,7,x\n2,b.jpg,7,x\n3,c.jpg,8,y\n4,d.jpg,8,y\n"),
        ("input/cite.csv", "cite_gid,cite_filename\n1,e.jpg\n"),
        ("input/test.csv", "gid,filename\n9,f.jpg\n"),
        ("input/sample_submission.csv", "gid,cite_gid\n9,1 1 1\n"),
    ]);
    ground.pictures(&["input/train/a.jpg", "input/train/b.jpg", "input/train/c.jpg", "input/train/d.jpg"]);
    ground.pictures(&["input/cite/e.jpg", "input/test/f.jpg"]);
    insta::assert_snapshot!(guessed(&ground), @r#"
    competition.name            "PROJECT"  (the folder's name)
    data.layout                 "nishika"  (train.csv, cite.csv and test.csv stand side by side)
    data.folder                 "input"  (the tables are there)
    data.images.train           "train"  (the table's first pictures are there)
    data.images.gallery         "cite"  (the table's first pictures are there)
    data.images.query           "test"  (the table's first pictures are there)
    data.columns.id             "gid"  (by its name; its values are unique)
    data.columns.image          "filename"  (its files are there)
    data.columns.label          "meigara"  (the level that Nishika's sake competition scored)
    data.columns.gallery_id     "cite_gid"  (by its name; its values are unique)
    data.columns.gallery_image  "cite_filename"  (its files are there)
    submission.sample           "sample_submission.csv"  (by its name)
    submission.columns          ["gid", "cite_gid"]  (the sample's header)
    submission.separator        " "  (as in the sample's first row)
    submission.count            3  (as in the sample's first row)
    note: the tables list 4 photos for training, 1 to look up and 1 to be found
    "#);
}

#[test]
fn several_tables_and_names_without_an_ending() {
    let ground = Ground::with(&[
        ("labels.csv", "image_id,individual_id,species\na1,w1,orca\na2,w1,orca\na3,w2,fin\na4,w2,fin\n"),
        ("labels_small.csv", "image_id,individual_id,species\na1,w1,orca\na2,w1,orca\na3,w2,fin\na4,w2,fin\n"),
        ("broken.csv", "a,b\n1\n"),
        ("notes.csv", "day,text\n1,hello\n"),
        ("sample_submission.csv", "image,predictions\na1,\"x,y,z\"\n"),
    ]);
    ground.pictures(&["photos/all/a1.jpg", "photos/all/a2.jpg", "photos/all/a3.jpg", "photos/all/a4.jpg"]);
    insta::assert_snapshot!(guessed(&ground), @r#"
    competition.name      "PROJECT"  (the folder's name)
    data.layout           "table"  (one table lists the photos)
    data.table            "labels.csv"  (it lists files and labels in 4 rows; "labels_small.csv" would do too: this one has better columns, more rows or the earlier name)
    data.images           "photos/all"  (the table's first pictures are there)
    data.suffix           ".jpg"  (the table names files without it)
    data.columns.image    "image_id"  (its files are there)
    data.columns.label    "individual_id"  (by its name; its values repeat)
    data.columns.coarse   "species"  (by its name; a second label level)
    submission.sample     "sample_submission.csv"  (by its name)
    submission.columns    ["image", "predictions"]  (the sample's header)
    submission.separator  ","  (as in the sample's first row)
    submission.count      3  (as in the sample's first row)
    note: not used: broken.csv line 2: 1 field, the header has 2; a value with the separator in it must stand in quotes
    note: the tables list 4 photos for training, 0 to look up and 0 to be found
    "#);
}

#[test]
fn query_and_gallery_columns() {
    let rows = "label,path,split,is_query,is_gallery\n1,a.jpg,train,,\n1,b.jpg,train,,\n2,c.jpg,validation,1,0\n2,d.jpg,validation,0,1\n";
    let ground = Ground::with(&[("df.csv", rows)]);
    ground.pictures(&["a.jpg", "b.jpg", "c.jpg", "d.jpg"]);
    insta::assert_snapshot!(guessed(&ground), @r#"
    competition.name    "PROJECT"  (the folder's name)
    data.layout         "query-gallery"  (there are is_query and is_gallery columns)
    data.table          "df.csv"  (it lists files and labels in 4 rows)
    data.images         "."  (the table's first pictures are there)
    data.columns.image  "path"  (its files are there)
    data.columns.label  "label"  (by its name; its values repeat)
    note: the tables list 2 photos for training, 1 to look up and 1 to be found
    "#);
}

#[test]
fn secret_rows_are_looked_up_among_each_other() {
    let rows = "id,image,label,split\n01,a.jpg,x,train\n02,b.jpg,x,train\n03,c.jpg,y,train\n04,d.jpg,y,train\n05,e.jpg,,test\n06,f.jpg,,test\n";
    let ground = Ground::with(&[("all.csv", rows)]);
    ground.pictures(&["a.jpg", "b.jpg", "c.jpg", "d.jpg", "e.jpg", "f.jpg"]);
    insta::assert_snapshot!(guessed(&ground), @r#"
    competition.name     "PROJECT"  (the folder's name)
    data.layout          "table"  (one table lists the photos)
    data.table           "all.csv"  (it lists files and labels in 6 rows)
    data.images          "."  (the table's first pictures are there)
    data.columns.id      "id"  (by its name; its values are unique)
    data.columns.image   "image"  (its files are there)
    data.columns.label   "label"  (by its name; its values repeat)
    data.columns.split   "split"  (by its name and its values)
    data.splits.train    ["train"]  (by the value's name)
    data.splits.query    ["test"]  (these rows have no label: each is looked up among the others)
    data.splits.gallery  ["test"]  (these rows have no label: each is looked up among the others)
    note: the tables list 4 photos for training, 2 to look up and 2 to be found
    "#);
}

#[test]
fn training_validation_and_test() {
    let head = "image,label,split\na.jpg,x,train\nb.jpg,x,train\nc.jpg,y,train\nd.jpg,x,val\ne.jpg,x,val\n";
    let pictures = ["a.jpg", "b.jpg", "c.jpg", "d.jpg", "e.jpg", "f.jpg", "g.jpg"];
    let told = [("labelled", "f.jpg,y,test\ng.jpg,y,test\n"), ("secret", "f.jpg,,test\ng.jpg,,test\n"), ("none", "")]
        .map(|(name, test)| {
            let ground = Ground::with(&[("all.csv", &format!("{head}{test}"))]);
            ground.pictures(&pictures);
            format!("{name}\n{}", guessed(&ground))
        });
    // Under another name the column is known by its values.
    let ground = Ground::with(&[("all.csv", &head.replace("split", "part"))]);
    ground.pictures(&pictures);
    assert!(guessed(&ground).contains("data.columns.split  \"part\"  (by its values)"));
    insta::assert_snapshot!(told.join("\n"), @r#"
    labelled
    competition.name     "PROJECT"  (the folder's name)
    data.layout          "table"  (one table lists the photos)
    data.table           "all.csv"  (it lists files and labels in 7 rows)
    data.images          "."  (the table's first pictures are there)
    data.columns.image   "image"  (its files are there)
    data.columns.label   "label"  (by its name; its values repeat)
    data.columns.split   "split"  (by its name and its values)
    data.splits.train    ["train", "val"]  (by the values' names; recipes hold the second part out)
    data.splits.query    ["test"]  (by the value's name: kept for the end, each is looked up among the others)
    data.splits.gallery  ["test"]  (by the value's name: kept for the end, each is looked up among the others)
    note: the first recipe divides by the split column: [folds] scheme = "column", column = "split", train = ["train"], eval = ["val"]
    note: the tables list 5 photos for training, 2 to look up and 2 to be found

    secret
    competition.name     "PROJECT"  (the folder's name)
    data.layout          "table"  (one table lists the photos)
    data.table           "all.csv"  (it lists files and labels in 7 rows)
    data.images          "."  (the table's first pictures are there)
    data.columns.image   "image"  (its files are there)
    data.columns.label   "label"  (by its name; its values repeat)
    data.columns.split   "split"  (by its name and its values)
    data.splits.train    ["train", "val"]  (by the values' names; recipes hold the second part out)
    data.splits.query    ["test"]  (these rows have no label: each is looked up among the others)
    data.splits.gallery  ["test"]  (these rows have no label: each is looked up among the others)
    note: the first recipe divides by the split column: [folds] scheme = "column", column = "split", train = ["train"], eval = ["val"]
    note: the tables list 5 photos for training, 2 to look up and 2 to be found

    none
    competition.name    "PROJECT"  (the folder's name)
    data.layout         "table"  (one table lists the photos)
    data.table          "all.csv"  (it lists files and labels in 5 rows)
    data.images         "."  (the table's first pictures are there)
    data.columns.image  "image"  (its files are there)
    data.columns.label  "label"  (by its name; its values repeat)
    data.columns.split  "split"  (by its name and its values)
    data.splits.train   ["train", "val"]  (by the values' names; recipes hold the second part out)
    note: the first recipe divides by the split column: [folds] scheme = "column", column = "split", train = ["train"], eval = ["val"]
    note: the tables list 5 photos for training, 0 to look up and 0 to be found
    "#);
}

#[test]
fn a_folder_without_a_table_is_refused_with_what_was_seen() {
    let ground = Ground::with(&[("notes.csv", "day,text\n1,hello\n")]);
    insta::assert_snapshot!(ground.told(guess(ground.root()).unwrap_err()), @r#"toji.toml: no table in PROJECT lists pictures (tables: "notes.csv"); Toji needs a CSV or Parquet table with a row for each photo: its file and its label"#);
}
