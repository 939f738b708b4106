//! A folder with tables and pictures to test on.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder};
use toji::base::files;
use toji::base::progress::Silent;
use toji::base::{Cancel, Value};
use toji::book::technique::Schema;
use toji::data::manifest::Report;
use toji::data::{Competition, DataError, FACTS, Manifest};

/// A project's folder; gone when dropped.
pub struct Ground {
    folder: tempfile::TempDir,
}

impl Ground {
    /// An empty one.
    pub fn new() -> Ground {
        Ground { folder: tempfile::tempdir().unwrap() }
    }

    /// One with files of text.
    pub fn with(texts: &[(&str, &str)]) -> Ground {
        let ground = Ground::new();
        for (name, text) in texts {
            ground.file(name, text.as_bytes());
        }
        ground
    }

    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    pub fn at(&self, name: &str) -> PathBuf {
        self.root().join(name)
    }

    /// A file that was last changed an hour ago, so that it may be remembered.
    pub fn file(&self, name: &str, bytes: &[u8]) {
        // Not published: syncing hundreds of files would be most of the tests' time.
        let path = self.at(name);
        files::make_folder(path.parent().unwrap()).unwrap();
        std::io::Write::write_all(&mut std::fs::File::create(path).unwrap(), bytes).unwrap();
        self.age(name, 3600);
    }

    /// Sets a file's time to some seconds before one that never changes.
    pub fn age(&self, name: &str, seconds: u64) {
        let file = std::fs::File::options().append(true).open(self.at(name)).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 - seconds)).unwrap();
    }

    /// Small pictures, each with bytes of its own.
    pub fn pictures(&self, names: &[&str]) -> &Ground {
        for name in names {
            self.file(name, &jpeg(8, 6, name.bytes().map(u32::from).sum::<u32>() as u8));
        }
        self
    }

    /// The competition of a `toji.toml` with this text.
    pub fn competition(&self, toml: &str) -> Result<Competition, DataError> {
        Competition::of(self.root(), &self.settings(toml))
    }

    /// The checked settings of a `toji.toml`; it must have no mistakes.
    pub fn settings(&self, toml: &str) -> Value {
        self.file("toji.toml", toml.as_bytes());
        let schema = Schema { sections: FACTS.to_vec(), ..Schema::default() };
        let (settings, _, diagnostics) = toji::book::read_facts(&self.at("toji.toml"), &schema);
        assert!(diagnostics.is_empty(), "{diagnostics:?}");
        settings
    }

    /// The manifest of a `toji.toml` with this text.
    pub fn manifest(&self, toml: &str) -> Result<(Manifest, Report), DataError> {
        Manifest::read(&self.competition(toml)?, &self.at(".toji/content"), &Cancel::new(), &Silent)
    }

    /// A text with this folder's name taken out, for snapshots.
    pub fn told(&self, text: impl std::fmt::Display) -> String {
        text.to_string()
            .replace(&format!("{}/", self.root().display()), "")
            .replace(&self.root().display().to_string(), "PROJECT")
    }
}

/// A JPEG of one colour with a gradient.
pub fn jpeg(width: u32, height: u32, tone: u8) -> Vec<u8> {
    let rgb: Vec<u8> =
        (0..height).flat_map(|y| (0..width).flat_map(move |x| [tone, (x * 20) as u8, (y * 20) as u8])).collect();
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, 95).write_image(&rgb, width, height, ExtendedColorType::Rgb8).unwrap();
    bytes
}

/// A line for each photo: id, role, label, other level, path.
pub fn lines(manifest: &Manifest) -> String {
    let name = |names: &[String], label: Option<u32>| label.map_or("-".to_owned(), |l| names[l as usize].clone());
    let line = |photo: &toji::data::Photo| {
        format!(
            "{} {:?} {} {} {}",
            photo.id,
            photo.role,
            name(&manifest.labels, photo.label),
            name(&manifest.coarse, photo.coarse),
            photo.path.display()
        )
    };
    manifest.photos.iter().map(line).collect::<Vec<_>>().join("\n")
}
