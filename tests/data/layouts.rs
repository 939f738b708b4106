//! The three layouts, from tables and pictures to a manifest and folds.

use toji::base::Value;
use toji::data::Manifest;
use toji::data::folds::folds;

use super::ground::{Ground, lines};

/// A small competition as Nishika hands it out; ids of cite.csv and train.csv overlap, as they may.
fn nishika() -> Ground {
    let ground = Ground::with(&[
        (
            "data/train.csv",
            "gid,filename,brand_id,meigara\n001,a.jpg,7,獺祭\n002,b.jpg,7,獺祭\n003,c.jpg,12,獺祭\n004,d.jpg,9,久保田\n",
        ),
        ("data/cite.csv", "cite_gid,cite_filename\n001,a.jpg\n002,x.jpg\n"),
        ("data/test.csv", "gid,filename\n2001,q.jpg\n"),
    ]);
    ground.pictures(&["data/train/a.jpg", "data/train/b.jpg", "data/train/c.jpg", "data/train/d.jpg"]);
    ground.pictures(&["data/cite/a.jpg", "data/cite/x.jpg", "data/images/q.jpg"]);
    ground
}

#[test]
fn nishika_needs_a_layout_and_a_folder() {
    let (manifest, report) = nishika().manifest("[data]\nlayout = \"nishika\"\nfolder = \"data\"\n").unwrap();
    insta::assert_snapshot!(lines(&manifest), @r"
    001 Train 獺祭 7 data/train/a.jpg
    002 Train 獺祭 7 data/train/b.jpg
    003 Train 獺祭 12 data/train/c.jpg
    004 Train 久保田 9 data/train/d.jpg
    001 Gallery - - data/cite/a.jpg
    002 Gallery - - data/cite/x.jpg
    2001 Query - - data/images/q.jpg
    ");
    assert_eq!(report.read, 7);
    assert_eq!((manifest.photos[0].width, manifest.photos[0].height), (8, 6));
    // Labels are numbered in the order of their names, whatever the order of rows.
    assert_eq!(manifest.labels, ["久保田", "獺祭"]);
    assert_eq!(manifest.coarse, ["12", "7", "9"]);
}

#[test]
fn the_other_level_can_be_scored() {
    let toml = "[data]\nlayout = \"nishika\"\nfolder = \"data\"\ncolumns.label = \"brand_id\"\n";
    let (manifest, _) = nishika().manifest(toml).unwrap();
    assert_eq!(manifest.labels, ["12", "7", "9"]);
    assert_eq!(manifest.coarse, ["久保田", "獺祭"]);
}

#[test]
fn shift_jis_and_parquet_give_the_same_manifest() {
    let toml = "[data]\nlayout = \"nishika\"\nfolder = \"data\"\n";
    let ground = nishika();
    let (plain, _) = ground.manifest(toml).unwrap();
    let text = std::fs::read_to_string(ground.at("data/train.csv")).unwrap().replace('\n', "\r\n");
    let (bytes, _, _) = encoding_rs::SHIFT_JIS.encode(&text);
    ground.file("data/train.csv", &bytes);
    let (shift_jis, report) = ground.manifest(toml).unwrap();
    assert_eq!(shift_jis, plain);
    assert_eq!(
        report.notes.iter().map(|n| ground.told(n)).collect::<Vec<_>>(),
        ["data/train.csv: read as Shift_JIS (CP932)"]
    );
    assert_eq!((report.cached, report.read), (7, 0));
}

#[test]
fn one_table_with_a_split_column() {
    let rows =
        "photo,label,kind,part\na.jpg,x,K,train\nb.jpg,x,K,train\nc.jpg,,K,test\nd.jpg,y,L,index\ne.jpg,y,L,old\n";
    let ground = Ground::with(&[("list.csv", rows)]);
    ground.pictures(&["images/a.jpg", "images/b.jpg", "images/c.jpg", "images/d.jpg", "images/e.jpg"]);
    let toml = |splits: &str| {
        format!(
            "[data]\nlayout = \"table\"\ntable = \"list.csv\"\nsplits = {splits}\n\
             columns = {{ image = \"photo\", split = \"part\", coarse = \"kind\" }}\n"
        )
    };
    let (manifest, report) = ground.manifest(&toml("{ query = \"test\", gallery = [\"test\", \"index\"] }")).unwrap();
    insta::assert_snapshot!(lines(&manifest), @r"
    a.jpg Train x K images/a.jpg
    b.jpg Train x K images/b.jpg
    c.jpg Both - K images/c.jpg
    d.jpg Gallery y L images/d.jpg
    ");
    insta::assert_snapshot!(ground.told(report.notes.join("\n")), @r#"list.csv: 1 row with part "old" left out; data.splits does not name it"#);
    let told = ground.manifest(&toml("{ train = \"Train\" }")).unwrap_err();
    insta::assert_snapshot!(ground.told(told), @r#"toji.toml: no row of list.csv is for training: "part" has the values "index", "old", "test", "train"; say which mean what with data.splits"#);
    let told = ground.manifest(&toml("{ query = \"train\" }")).unwrap_err();
    insta::assert_snapshot!(ground.told(told), @r#"toji.toml: data.splits names "train" both for training and for evaluation"#);
}

#[test]
fn a_table_without_a_split_column_is_for_training_and_folds_go_by_a_column() {
    let rows = "image,label,open_set\na1,a,train\na2,a,train\nb1,b,eval\nb2,b,eval\n";
    let ground = Ground::with(&[("t.csv", rows)]);
    ground.pictures(&["a1.jpg", "a2.jpg", "b1.jpg", "b2.jpg"]);
    let toml =
        "[data]\nlayout = \"table\"\ntable = \"t.csv\"\nsuffix = \".jpg\"\n[protocol]\nkind = \"leave-one-out\"\n";
    let (manifest, _) = ground.manifest(toml).unwrap();
    let protocol = ground.competition(toml).unwrap().protocol;
    let mut settings = Value::table();
    for (key, value) in [("scheme", "column"), ("column", "open_set"), ("train", "train"), ("eval", "eval")] {
        settings.set(key, Value::Text(value.to_owned()));
    }
    let folds = folds(&manifest, &settings, &protocol).unwrap();
    assert_eq!((&folds[0].train, &folds[0].query, &folds[0].gallery), (&vec![0, 1], &vec![2, 3], &vec![2, 3]));
}

#[test]
fn query_and_gallery_columns_of_open_metric_learning() {
    let rows = "label,path,split,is_query,is_gallery,category\n1,a.jpg,train,,,shoe\n1,b.jpg,train,nan,nan,shoe\n\
                2,c.jpg,validation,True,False,hat\n2,d.jpg,validation,False,True,hat\n02,e.jpg,validation,1.0,1,hat\n\
                3,f.jpg,validation,False,False,hat\n";
    let ground = Ground::with(&[("df.csv", rows)]);
    ground.pictures(&["a.jpg", "b.jpg", "c.jpg", "d.jpg", "e.jpg", "f.jpg"]);
    let toml = "[data]\nlayout = \"query-gallery\"\ntable = \"df.csv\"\n";
    let (manifest, report) = ground.manifest(toml).unwrap();
    insta::assert_snapshot!(lines(&manifest), @r"
    a.jpg Train 1 shoe a.jpg
    b.jpg Train 1 shoe b.jpg
    c.jpg Query 2 hat c.jpg
    d.jpg Gallery 2 hat d.jpg
    e.jpg Both 02 hat e.jpg
    ");
    insta::assert_snapshot!(ground.told(report.notes.join("\n")), @r#"df.csv: 1 row with split "validation" left out; data.splits does not name it"#);
    let protocol = ground.competition(toml).unwrap().protocol;
    let mut settings = Value::table();
    settings.set("scheme", Value::Text("given".to_owned()));
    let fold = &folds(&manifest, &settings, &protocol).unwrap()[0];
    assert_eq!((&fold.train, &fold.query, &fold.gallery), (&vec![0, 1], &vec![2, 4], &vec![3, 4]));
}

#[test]
fn a_manifest_file_gives_the_manifest_back() {
    let ground = nishika();
    ground.file("data/cite/x.jpg", b"GIF89a no picture");
    let toml = "[data]\nlayout = \"nishika\"\nfolder = \"data\"\nunreadable = \"skip\"\n";
    let (manifest, report) = ground.manifest(toml).unwrap();
    assert_eq!(manifest.skipped.len(), 1);
    assert_eq!(report.notes, ["1 picture left out: missing or unreadable"]);
    let file = ground.at("manifest.parquet");
    manifest.save(&file).unwrap();
    assert_eq!(Manifest::load(&file).unwrap(), manifest);
    ground.file("manifest.parquet", b"PAR1");
    assert!(Manifest::load(&file).unwrap_err().to_string().contains("delete it"));
}
