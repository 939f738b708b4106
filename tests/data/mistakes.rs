//! Each mistake gives one clear message with file and line, and never a panic.

use proptest::prelude::*;

use toji::data::DataError;

use super::ground::{Ground, jpeg};

const TABLE: &str = "[data]\nlayout = \"table\"\ntable = \"t.csv\"\n";

/// What is said about a table whose pictures a.jpg, b.jpg and c.jpg are there.
fn said(table: impl AsRef<[u8]>) -> String {
    let ground = Ground::new();
    ground.file("t.csv", table.as_ref());
    ground.pictures(&["images/a.jpg", "images/b.jpg", "images/c.jpg"]);
    match ground.manifest(TABLE) {
        Ok((manifest, _)) => format!("{} photos", manifest.photos.len()),
        Err(error) => ground.told(error),
    }
}

#[test]
fn tables() {
    let shift_jis_cut = b"image,label\na.jpg,\x8d\xd5\nb.jpg,\xff\xff\n";
    let told = [
        ("missing column", said("image,labels\na.jpg,x\n")),
        ("missing image column", said("Image,label\na.jpg,x\n")),
        ("ragged", said("image,label\na.jpg,x\nb.jpg\n")),
        ("too long", said("image,label\na.jpg,x,y\n")),
        ("double column", said("image,label,image\na.jpg,x,b.jpg\n")),
        ("double header", said("image,label\na.jpg,x\nimage,label\nb.jpg,x\n")),
        ("open quote", said("image,label\na.jpg,\"x\nb.jpg,x\n")),
        ("stray quote", said("image,label\na.jpg,5\" disc\n")),
        ("double id", said("id,image,label\n1,a.jpg,x\n2,b.jpg,x\n1,c.jpg,x\n")),
        ("double image as id", said("image,label\na.jpg,x\n\"b.jpg\",\"x\ny\"\na.jpg,y\n")),
        ("empty id", said("id,image,label\n1,a.jpg,x\n,b.jpg,x\n")),
        ("empty file", said("id,image,label\n1,,x\n")),
        ("empty label", said("image,label\na.jpg,x\nb.jpg,\n")),
        ("mixed ids", said("id,image,label\n123,a.jpg,x\n124.0,b.jpg,x\n")),
        ("mixed labels", said("id,image,label\n1,a.jpg,7.0\n2,b.jpg,7\n")),
        ("a text among ids", said("id,image,label\n123,a.jpg,x\nabc,b.jpg,x\n124,c.jpg,x\n125,c.jpg,x\n")),
        ("text ids", said("id,image,label\na1,a.jpg,x\nb2,b.jpg,x\n12,c.jpg,x\n")),
        ("a gap written out", said("id,image,label\n1,a.jpg,7\n2,b.jpg,NaN\n3,c.jpg,8\n")),
        ("several ragged", said("image,label\na.jpg\nb.jpg,x\nc.jpg,x,y\nd.jpg\n")),
        ("several empty labels", said("image,label\na.jpg,\nb.jpg,x\nc.jpg,\nd.jpg,\ne.jpg,\nf.jpg,\ng.jpg,\n")),
        ("several double ids", said("id,image,label\n1,a.jpg,x\n1,b.jpg,x\n2,c.jpg,x\n2,c.jpg,x\n")),
        ("absolute", said("image,label\n/etc/passwd,x\n")),
        ("outside", said("image,label\n../secret.jpg,x\n")),
        ("backslash", said("image,label\nsub\\a.jpg,x\n")),
        ("nul", said("image,label\na.jpg,x\0\n")),
        ("nothing", said("")),
        ("only a header", said("image,label\n\n")),
        ("no known encoding", said(shift_jis_cut)),
        ("no pictures", said("image,label\nzz.jpg,x\n")),
        ("steering text", said("image,la\x1b[2Jbel\na.jpg,x\n")),
        ("fine", said("id,image,label\n1,a.jpg,007\n\n2,b.jpg,7\n")),
    ];
    let all = told.map(|(name, message)| format!("{name}: {message}")).join("\n");
    assert!(!all.contains('\x1b'));
    insta::assert_snapshot!(all, @r#"
    missing column: t.csv: no column "label" (data.columns.label); did you mean "labels"? there is "image", "labels"
    missing image column: t.csv: no column "image" (data.columns.image); did you mean "Image"? there is "Image", "label"
    ragged: t.csv line 3: 1 field, the header has 2; a value with the separator in it must stand in quotes
    too long: t.csv line 2: 3 fields, the header has 2; a value with the separator in it must stand in quotes
    double column: t.csv: columns 1 and 3 are both called "image"; rename one
    double header: t.csv line 3: the header stands here again; two tables were joined, delete this line
    open quote: t.csv line 2: the quote that opens here is never closed
    stray quote: t.csv line 2: a quote inside a value; put the whole value in quotes and double the inner ones ("5"" disc")
    double id: t.csv line 4: id "1" stands in line 2 already; ids must be unique
    double image as id: t.csv line 5: image "a.jpg" stands in line 2 already; ids must be unique
    empty id: t.csv line 3: id is empty; every photo needs an id
    empty file: t.csv line 2: image is empty; every photo needs a file
    empty label: t.csv line 3: label is empty; a training photo needs a label; fill it in or delete the row
    mixed ids: t.csv line 3: id holds "124.0" here and "123" in line 2; one of them went through a number, write all as text
    mixed labels: t.csv line 2: label holds "7.0" here and "7" in line 3; one of them went through a number, write all as text
    a text among ids: t.csv line 3: id is "abc", while 3 other rows hold numbers; mend it, or write mixed_ids = "allow" in [data] of toji.toml if it is meant
    text ids: 3 photos
    a gap written out: t.csv line 3: label is "NaN" among numbers, a program's word for an empty cell; fill it in or leave it empty
    several ragged: t.csv line 2 (also in 4 and 5): 1 field, the header has 2; a value with the separator in it must stand in quotes
    several empty labels: t.csv line 2 (also in 4, 5, 6, 7 and 1 more): label is empty; a training photo needs a label; fill it in or delete the row
    several double ids: t.csv line 3 (also in 5): id "1" stands in line 2 already; ids must be unique
    absolute: t.csv line 2: the path "/etc/passwd" is absolute; a table may only name files inside the images' folder, set data.images
    outside: t.csv line 2: the path "../secret.jpg" leads out of the images' folder; set data.images to the folder above
    backslash: t.csv line 2: the path "sub\a.jpg" has Windows separators; write / instead of \
    nul: t.csv line 2: a NUL byte; this is not a text table, or it was damaged while copying
    nothing: t.csv: the file is empty
    only a header: t.csv: there is a header but no row
    no known encoding: t.csv line 2: neither UTF-8 nor Shift_JIS; save the table as UTF-8
    no pictures: t.csv: no folder has its pictures ("zz.jpg"); looked in "t", "t_images", "images/t", "images/train", "images", "train", "PROJECT"; say where they are with images in [data] of toji.toml
    steering text: t.csv: no column "label" (data.columns.label); there is "image", "la·[2Jbel"
    fine: 2 photos
    "#);
}

#[test]
fn flags() {
    let ground = Ground::with(&[("t.csv", "label,path,is_query,is_gallery\nx,a.jpg,maybe,True\n")]);
    ground.pictures(&["a.jpg"]);
    let told = ground.manifest("[data]\nlayout = \"query-gallery\"\ntable = \"t.csv\"\n").unwrap_err();
    insta::assert_snapshot!(ground.told(told), @r#"t.csv line 2: is_query is "maybe"; it must be True or False (or 1 or 0)"#);
}

#[test]
fn a_missing_table() {
    let ground = Ground::new();
    insta::assert_snapshot!(ground.told(ground.manifest(TABLE).unwrap_err()), @"cannot read t.csv: No such file or directory (os error 2)");
}

#[test]
fn pictures_are_counted_and_listed() {
    let ground = Ground::with(&[("t.csv", "image,label\na.jpg,x\nb.jpg,x\nc.jpg,x\nd.jpg,x\ne.jpg,x\n")]);
    ground.pictures(&["images/a.jpg"]);
    let whole = jpeg(64, 64, 9);
    ground.file("images/b.jpg", &whole[..whole.len() * 2 / 3]);
    ground.file("images/c.jpg", b"<html>404</html>");
    ground.file("images/d.jpg", &huge_png());
    let error = ground.manifest(TABLE).unwrap_err();
    insta::assert_snapshot!(ground.told(&error), @r#"4 of 5 pictures cannot be used: images/b.jpg (t.csv line 3): the JPEG is truncated: the end of the file is missing; images/c.jpg (t.csv line 4): not a picture: it starts with neither a JPEG, a PNG nor a WebP header; images/d.jpg (t.csv line 5): 30000 × 30000 pixels, the limit is 100000000 pixels (data.max_megapixels); and 1 more; repair them, or write unreadable = "skip" in [data] of toji.toml"#);
    let DataError::Pictures { all, .. } = error else { panic!("{error}") };
    let listed: Vec<String> = all.iter().map(|s| format!("{} {}", s.path.display(), s.why)).collect();
    insta::assert_snapshot!(listed.join("\n"), @r"
    images/b.jpg the JPEG is truncated: the end of the file is missing
    images/c.jpg not a picture: it starts with neither a JPEG, a PNG nor a WebP header
    images/d.jpg 30000 × 30000 pixels, the limit is 100000000 pixels (data.max_megapixels)
    images/e.jpg the file is missing
    ");
    let (manifest, _) = ground.manifest(&format!("{TABLE}unreadable = \"skip\"\n")).unwrap();
    assert_eq!(manifest.photos.iter().map(|p| p.id.as_str()).collect::<Vec<_>>(), ["a.jpg"]);
    assert_eq!(manifest.skipped, all);
}

/// A PNG whose header says 30,000 × 30,000 pixels; its data is one compressed row's worth.
pub fn huge_png() -> Vec<u8> {
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut chunk = |kind: &[u8; 4], data: &[u8]| {
        png.extend((data.len() as u32).to_be_bytes());
        let mut body = kind.to_vec();
        body.extend(data);
        png.extend(&body);
        png.extend(crc32(&body).to_be_bytes());
    };
    let side = 30_000u32.to_be_bytes();
    chunk(b"IHDR", &[&side[..], &side[..], &[8, 2, 0, 0, 0]].concat());
    chunk(b"IDAT", &[0x78, 0x9c, 0x03, 0, 0, 0, 0, 1]);
    chunk(b"IEND", &[]);
    png
}

/// CRC-32 of PNG (ISO 3309), bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    // Whatever stands in a table, there is a manifest or a message of one line.
    #[test]
    fn any_table_is_read_or_refused(rows in proptest::collection::vec("[ab,\"\r\n\t;0.\u{feff}日]{0,12}|a.jpg,x", 0..8)) {
        let message = said(format!("image,label\n{}", rows.join("\n")));
        prop_assert!(!message.contains('\n'), "{}", message);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
        let message = said(bytes);
        prop_assert!(!message.contains('\n'), "{}", message);
    }
}
