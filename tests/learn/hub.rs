//! Weights from a hub, against a small server of our own: what is asked, what is kept, what is refused.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use toji::base::progress::Silent;
use toji::base::{Cancel, Time, clock::Fixed};
use toji::learn::backbone::hub::{Cached, Hub, HubError, HubName, licence};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
/// 300,000 bytes, whose hash is from Python's hashlib.
const HASH: &str = "3c65ea93424a9c362fec0e3a69ea36031e8a358441479dd665cc6110eabe7b08";

fn weights() -> Vec<u8> {
    (0..300_000u32).map(|i| (i % 251) as u8).collect()
}

/// How the server behaves.
#[derive(Clone, Default)]
struct Manners {
    /// Breaks a download off after so many bytes, so many times.
    breaks: Vec<usize>,
    /// Sends bytes whose hash is another one.
    damaged: bool,
    /// Has no `model.safetensors` but a pickle.
    pickle: bool,
    /// Answers every HEAD so.
    refuses: Option<(u16, &'static str)>,
    /// Never answers.
    silent: bool,
}

struct Server {
    address: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start(manners: Manners) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (noted, own) = (asked.clone(), address.clone());
        std::thread::spawn(move || {
            let manners = Arc::new(Mutex::new(manners));
            for stream in listener.incoming().flatten() {
                let (noted, own, manners) = (noted.clone(), own.clone(), manners.clone());
                std::thread::spawn(move || while serve(&stream, &own, &noted, &manners).is_some() {});
            }
        });
        Server { address, asked }
    }

    /// The requests so far, each as "HEAD /path" with its range and whether it had a token.
    fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("no panic").clone()
    }
}

/// Answers one request; `None` at the end of the connection.
fn serve(stream: &TcpStream, own: &str, noted: &Mutex<Vec<String>>, manners: &Mutex<Manners>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut first = String::new();
    reader.read_line(&mut first).ok().filter(|n| *n > 0)?;
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let mut words = first.split(' ');
    let (method, path) = (words.next()?, words.next()?);
    let range = headers.get("range").map(|range| format!(" {range}")).unwrap_or_default();
    let token = if headers.contains_key("authorization") { " with a token" } else { "" };
    noted.lock().expect("no panic").push(format!("{method} {path}{range}{token}"));
    let (mut out, now) = (stream, manners.lock().expect("no panic").clone());
    if now.silent {
        std::thread::sleep(Duration::from_secs(5));
        return None;
    }
    let file = path.rsplit('/').next()?;
    let mut answer = |status: u16, headers: &str, body: &[u8], length: usize| -> Option<()> {
        let head = format!("HTTP/1.1 {status} x\r\n{headers}content-length: {length}\r\n\r\n");
        out.write_all(head.as_bytes()).ok()?;
        if method == "GET" { out.write_all(body).ok() } else { Some(()) }
    };
    if let Some((status, code)) = now.refuses {
        return answer(status, &format!("x-error-code: {code}\r\n"), b"", 0);
    }
    let here = format!("x-repo-commit: {COMMIT}\r\n");
    let all = weights();
    match file {
        // As the hub does: a large file is a redirect to the storage, with what to expect of it.
        "model.safetensors" if path.starts_with("/timm/") && !now.pickle => {
            let size = all.len();
            let told = format!("x-linked-etag: \"{HASH}\"\r\nx-linked-size: {size}\r\nlocation: /storage/{file}\r\n");
            // The storage is another host for those who compare names.
            let told = told.replace("location: ", &format!("location: {}", own.replace("127.0.0.1", "localhost")));
            answer(302, &format!("{here}{told}"), b"", 0)
        }
        "model.safetensors" if path.starts_with("/storage/") => {
            let from: usize =
                headers.get("range").map_or(0, |r| r["bytes=".len()..].trim_end_matches('-').parse().expect("a range"));
            let mut body = all[from..].to_vec();
            if now.damaged {
                body[7] ^= 1;
            }
            let cut = manners.lock().expect("no panic").breaks.pop();
            let part = format!("content-range: bytes {from}-{}/{}\r\n", all.len() - 1, all.len());
            let length = body.len();
            if let Some(cut) = cut {
                body.truncate(cut);
            }
            match from {
                0 => answer(200, "", &body, length)?,
                _ => answer(206, &part, &body, length)?,
            }
            cut.is_none().then_some(())
        }
        "config.json" => {
            let body = br#"{"architecture": "resnet18", "pretrained_cfg": {"crop_pct": 0.9}}"#;
            answer(200, &format!("{here}etag: \"c0ffee\"\r\n"), body, body.len())
        }
        "README.md" => {
            let body = b"---\nlicense: apache-2.0\n---\n";
            answer(200, &format!("{here}etag: W/\"beef\"\r\n"), body, body.len())
        }
        "pytorch_model.bin" if now.pickle => {
            answer(302, &format!("{here}x-linked-etag: \"ab\"\r\nlocation: /s\r\n"), b"", 0)
        }
        _ => answer(404, "x-error-code: EntryNotFound\r\n", b"", 0),
    }
}

fn hub(server: &Server, cache: &Path) -> Hub {
    Hub {
        endpoint: server.address.clone(),
        cache: cache.to_owned(),
        token: Some("secret".to_owned()),
        token_file: None,
        offline: false,
        proxy: None,
        patience: Duration::from_millis(400),
        pause: Duration::from_millis(1),
    }
}

fn fetch(hub: &Hub) -> Result<Cached, HubError> {
    let name = HubName::read("timm/resnet18.a1_in1k").expect("a name");
    hub.fetch(&name, &Fixed(Time(0.0)), &Silent, &Cancel::new())
}

#[test]
fn fetched_once_and_found_ever_after() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(Manners::default());
    let hub = hub(&server, folder.path());
    let found = fetch(&hub).expect("fetched");
    assert_eq!(std::fs::read(&found.weights).expect("the weights"), weights());
    assert_eq!((found.commit.as_str(), found.sha256.as_deref()), (COMMIT, Some(HASH)));
    assert_eq!(licence(found.card.as_deref(), found.config.as_deref()).as_deref(), Some("apache-2.0"));
    // The layout is huggingface_hub's.
    let repository = folder.path().join("models--timm--resnet18.a1_in1k");
    assert_eq!(std::fs::read_to_string(repository.join("refs/main")).expect("a reference"), COMMIT);
    assert_eq!(std::fs::read_link(&found.weights).expect("a link"), Path::new("../../blobs").join(HASH));
    let mut blobs: Vec<_> = std::fs::read_dir(repository.join("blobs"))
        .expect("blobs")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("text"))
        .collect();
    blobs.sort();
    assert_eq!(blobs, [HASH, "beef", "c0ffee"]);
    let asked = server.asked();
    assert!(asked.iter().any(|line| line == "GET /storage/model.safetensors"), "the token stays at the hub: {asked:?}");
    assert!(asked.iter().any(|line| line == "HEAD /timm/resnet18.a1_in1k/resolve/main/model.safetensors with a token"));
    // From here on nobody is asked.
    assert_eq!(fetch(&hub).expect("found"), found);
    let offline = Hub { offline: true, endpoint: "http://127.0.0.1:1".to_owned(), ..hub };
    assert_eq!(fetch(&offline).expect("found"), found);
    let name = HubName::read(&format!("timm/resnet18.a1_in1k@{COMMIT}")).expect("a name");
    assert_eq!(offline.find(&name), Some(found));
    assert_eq!(server.asked(), asked);
}

#[test]
fn a_broken_download_goes_on_where_it_stopped() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(Manners { breaks: vec![50_000, 200_000], ..Manners::default() });
    let found = fetch(&hub(&server, folder.path())).expect("fetched in three pieces");
    assert_eq!(std::fs::read(&found.weights).expect("the weights"), weights());
    let ranges: Vec<String> = server.asked().into_iter().filter(|line| line.contains("GET /storage")).collect();
    assert_eq!(ranges.len(), 3, "{ranges:?}");
    assert!(ranges[2].contains("bytes="), "{ranges:?}");

    // What an earlier process left is gone on with, too.
    let folder = tempfile::tempdir().expect("a folder");
    let blobs = folder.path().join("models--timm--resnet18.a1_in1k/blobs");
    std::fs::create_dir_all(&blobs).expect("a folder");
    std::fs::write(blobs.join(format!("{HASH}.incomplete")), &weights()[..123_456]).expect("a part");
    let server = Server::start(Manners::default());
    fetch(&hub(&server, folder.path())).expect("fetched");
    assert!(server.asked().iter().any(|line| line == "GET /storage/model.safetensors bytes=123456-"));
}

#[test]
fn a_wrong_hash_is_thrown_away() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(Manners { damaged: true, ..Manners::default() });
    let error = fetch(&hub(&server, folder.path())).expect_err("refused");
    assert!(matches!(&error, HubError::WrongHash { expected, .. } if expected == HASH), "{error}");
    let good = Server::start(Manners::default());
    fetch(&hub(&good, folder.path())).expect("fetched anew");
    assert!(good.asked().iter().any(|line| line == "GET /storage/model.safetensors"));
}

#[test]
fn refusals_say_what_to_do() {
    let told = |manners: Manners| {
        let folder = tempfile::tempdir().expect("a folder");
        let server = Server::start(manners);
        let text = fetch(&hub(&server, folder.path())).expect_err("refused").to_string();
        text.replace(&server.address, "http://hub").replace(&folder.path().display().to_string(), "CACHE")
    };
    let refuses = |status, code| told(Manners { refuses: Some((status, code)), ..Manners::default() });
    insta::assert_snapshot!(refuses(401, "RepoNotFound"), @"http://hub has no timm/resnet18.a1_in1k that you may read (401): look the name over; for a private one set HF_TOKEN");
    insta::assert_snapshot!(refuses(404, "RevisionNotFound"), @r#"timm/resnet18.a1_in1k has no revision "main""#);
    insta::assert_snapshot!(refuses(403, "GatedRepo"), @"http://hub/timm/resnet18.a1_in1k is open only to those who accept its conditions: do so in a browser, then set HF_TOKEN");
    insta::assert_snapshot!(refuses(404, "EntryNotFound"), @"timm/resnet18.a1_in1k has no model.safetensors");
    insta::assert_snapshot!(refuses(503, ""), @"http://hub/timm/resnet18.a1_in1k/resolve/main/model.safetensors answers 503");
    let pickle = told(Manners { pickle: true, ..Manners::default() });
    assert!(pickle.contains("as a pickle (pytorch_model.bin)") && pickle.contains("save_file"), "{pickle}");
    let silent = told(Manners { silent: true, ..Manners::default() });
    insta::assert_snapshot!(silent, @"cannot reach http://hub for model.safetensors: no answer within 0.4 seconds; HF_ENDPOINT names another hub, and a .safetensors file needs none");
}

#[test]
fn without_a_network_and_without_a_cache() {
    let folder = tempfile::tempdir().expect("a folder");
    let closed = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let server = Server { address: format!("http://{closed}"), asked: Arc::default() };
    let hub = hub(&server, folder.path());
    let refused = fetch(&hub).expect_err("nobody listens").to_string();
    assert!(refused.contains("refused") && refused.contains("HF_ENDPOINT"), "{refused}");
    let offline = fetch(&Hub { offline: true, ..hub }).expect_err("may not ask");
    assert!(offline.to_string().contains("HF_HUB_OFFLINE forbids"), "{offline}");
    assert_eq!(std::fs::read_dir(folder.path()).expect("the cache").count(), 0, "nothing was made");
}

#[test]
fn two_at_once_fetch_once_and_a_stop_is_heard() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(Manners::default());
    let hub = hub(&server, folder.path());
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| fetch(&hub).expect("fetched"));
        }
    });
    let gets = server.asked().iter().filter(|line| line.starts_with("GET /storage")).count();
    assert_eq!(gets, 1, "{:?}", server.asked());
    let cancel = Cancel::new();
    cancel.cancel();
    let name = HubName::read("timm/other").expect("a name");
    let stopped = hub.fetch(&name, &Fixed(Time(0.0)), &Silent, &cancel);
    assert!(matches!(stopped, Err(HubError::Cancelled(_))));
}
