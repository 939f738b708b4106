//! Asking the hub for a repository's files.
//!
//! For each file one HEAD tells its commit, etag and size, and one or more GETs bring what is missing: a download that broke goes
//! on with `Range` where it stopped, also days later. Redirects are followed by hand, so that the token goes to the hub alone and
//! not to the storage that it points to. A file is hashed while it comes and gets its name only when the hash is the announced one.

use std::io::Read;
use std::time::Duration;

use super::cache::{Repository, is_commit, is_sha256};
use super::part::{PIECE, Part};
use super::{CARD, CONFIG, Hub, HubError, HubName, WEIGHTS};
use crate::base::files::{self, FileError, Lock};
use crate::base::{Cancel, Clock, Progress, Time};

/// How often something that failed by the network is tried without any byte of progress.
const TRIES: u32 = 4;
/// Redirects that are followed.
const HOPS: usize = 6;

type Response = ureq::http::Response<ureq::Body>;

/// The fetching of one repository.
pub(super) struct Download<'a> {
    hub: &'a Hub,
    name: &'a HubName,
    repository: Repository,
    agent: ureq::Agent,
    token: Option<String>,
    clock: &'a dyn Clock,
    progress: &'a dyn Progress,
    cancel: &'a Cancel,
}

/// What a HEAD tells of a file.
struct Remote {
    commit: String,
    etag: String,
    size: Option<u64>,
    /// Where its bytes are, and whether that is the hub itself.
    url: String,
    own: bool,
}

/// Why a request gave no bytes.
enum Trouble {
    /// It may work when it is tried again.
    Passing(HubError),
    /// It will not.
    Lasting(HubError),
}

impl<'a> Download<'a> {
    pub(super) fn new(
        hub: &'a Hub,
        name: &'a HubName,
        clock: &'a dyn Clock,
        progress: &'a dyn Progress,
        cancel: &'a Cancel,
    ) -> Result<Download<'a>, HubError> {
        let proxy = hub.proxy.as_deref().map(ureq::Proxy::new).transpose().map_err(|error| HubError::Unreachable {
            endpoint: hub.endpoint.clone(),
            what: name.to_string(),
            reason: format!("the proxy's address is wrong: {error}"),
        })?;
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(proxy)
            .timeout_connect(Some(hub.patience))
            .timeout_recv_response(Some(hub.patience))
            .timeout_per_read(Some(hub.patience))
            .user_agent(concat!("toji/", env!("CARGO_PKG_VERSION")))
            .accept_encoding("identity")
            .build();
        let repository = Repository::of(&hub.cache, name);
        let (agent, token) = (config.into(), hub.token());
        Ok(Download { hub, name, repository, agent, token, clock, progress, cancel })
    }

    /// Brings the files into the cache and lets the revision point to them.
    pub(super) fn repository(&self) -> Result<(), HubError> {
        let weights = match self.head(WEIGHTS, &self.name.revision)? {
            Some(weights) => weights,
            None => return Err(self.without_weights()?),
        };
        let commit = weights.commit.clone();
        // The small ones first: whoever finds the weights finds what they expect, too.
        for file in [CONFIG, CARD] {
            if let Some(remote) = self.head(file, &commit)? {
                self.file(file, remote, &commit)?;
            }
        }
        self.file(WEIGHTS, weights, &commit)?;
        if !is_commit(&self.name.revision) {
            files::publish(&self.repository.reference(&self.name.revision), commit.as_bytes())?;
        }
        Ok(())
    }

    /// Why there is no `model.safetensors`.
    fn without_weights(&self) -> Result<HubError, HubError> {
        let repository = self.name.repository.clone();
        for file in ["pytorch_model.bin", "model.bin", "model.pth"] {
            if self.head(file, &self.name.revision)?.is_some() {
                return Ok(HubError::OnlyPickle { repository, file: file.to_owned() });
            }
        }
        Ok(HubError::NoWeights { repository })
    }

    /// What the hub says of a file; `None` when the repository has no such file.
    fn head(&self, file: &str, revision: &str) -> Result<Option<Remote>, HubError> {
        let first = format!("{}/{}/resolve/{revision}/{file}", self.hub.endpoint, self.name.repository);
        self.patiently(|| {
            let mut url = first.clone();
            for _ in 0..HOPS {
                self.cancel.check().map_err(|stop| Trouble::Lasting(stop.into()))?;
                let mut request = self.agent.head(&url);
                if let Some(token) = &self.token {
                    request = request.header("authorization", format!("Bearer {token}"));
                }
                let answer = request.call().map_err(|error| self.unreachable(file, &error))?;
                let status = answer.status().as_u16();
                let told = |name: &str| answer.headers().get(name).and_then(|v| v.to_str().ok()).map(str::to_owned);
                let location = told("location").map(|to| absolute(&url, &to));
                let own = location.as_ref().is_none_or(|to| host(to) == host(&url));
                match status {
                    // A repository that was renamed; one that leads to the storage says the etag itself.
                    300..400 if own && told("x-linked-etag").is_none() => match location {
                        Some(to) => url = to,
                        None => return Err(self.not_a_hub(&url, "a redirect to nowhere")),
                    },
                    200..400 => {
                        let etag = told("x-linked-etag").or_else(|| told("etag"));
                        let etag = etag.map(|e| e.trim_start_matches("W/").trim_matches('"').to_owned());
                        let is_name = |e: &String| {
                            !e.is_empty() && e.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
                        };
                        let Some(etag) = etag.filter(is_name) else {
                            return Err(self.not_a_hub(&url, "no etag"));
                        };
                        let Some(commit) = told("x-repo-commit").filter(|c| is_commit(c)) else {
                            return Err(self.not_a_hub(&url, "no x-repo-commit"));
                        };
                        let size = told("x-linked-size")
                            .or_else(|| told("content-length").filter(|_| status == 200))
                            .and_then(|size| size.parse().ok());
                        return Ok(Some(Remote { commit, etag, size, url: location.unwrap_or(url), own }));
                    }
                    404 if told("x-error-code").as_deref() == Some("EntryNotFound") => return Ok(None),
                    _ => return Err(self.refusal(&url, status, told("x-error-code").as_deref())),
                }
            }
            Err(self.not_a_hub(&first, "too many redirects"))
        })
    }

    /// Brings one file into the cache.
    fn file(&self, file: &str, remote: Remote, commit: &str) -> Result<(), HubError> {
        let blob = self.repository.blob(&remote.etag);
        if !blob.is_file() {
            let _lock = self.lock(file, &remote.etag)?;
            if !blob.is_file() {
                self.blob(file, &remote)?;
            }
        }
        Ok(self.repository.link(commit, file, &remote.etag)?)
    }

    /// Waits until no other process fetches the same file.
    fn lock(&self, file: &str, etag: &str) -> Result<Lock, HubError> {
        let path = self.repository.lock(etag);
        loop {
            if let Some(lock) = Lock::try_take(&path)? {
                return Ok(lock);
            }
            self.cancel.check()?;
            self.progress.at(&format!("another process fetches {file}"), 0, 0, "bytes");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Downloads into `<etag>.incomplete`, checks, renames.
    fn blob(&self, file: &str, remote: &Remote) -> Result<(), HubError> {
        let blob = self.repository.blob(&remote.etag);
        let mut part = Part::open(&blob, self.cancel)?;
        // The beginning of an earlier attempt may have lost bytes to a power cut, which only a hash of the whole would tell.
        if remote.size.is_some_and(|size| part.have > size) || !is_sha256(&remote.etag) {
            part.clear()?;
        }
        let mut told = Told { began: self.clock.now(), from: part.have };
        let mut known = Some((remote.url.clone(), remote.own));
        let mut whole = remote.size == Some(part.have) && part.have > 0;
        while !whole {
            whole = self.patiently(|| {
                // An address in the storage is good for a while only; later ones are asked for anew.
                let (url, own) = match known.take() {
                    Some(known) => known,
                    None => match self.head(file, &remote.commit).map_err(Trouble::Lasting)? {
                        Some(again) => (again.url, again.own),
                        None => return Err(self.not_a_hub(&remote.url, "the file is gone")),
                    },
                };
                let before = part.have;
                match self.bytes(file, remote.size, &url, own, &mut part, &mut told) {
                    Ok(()) if remote.size.is_some_and(|size| part.have < size) => match part.have > before {
                        true => Ok(false),
                        false => Err(self.not_a_hub_for_now(&url, "fewer bytes than it announced")),
                    },
                    Ok(()) => Ok(true),
                    // Something came: that is no failed attempt, the loop goes on from there.
                    Err(Trouble::Passing(_)) if part.have > before => Ok(false),
                    Err(trouble) => Err(trouble),
                }
            })?;
        }
        part.publish(&blob, &remote.etag, remote.size, file)
    }

    /// One GET of what is missing, appended.
    fn bytes(
        &self,
        file: &str,
        size: Option<u64>,
        url: &str,
        own: bool,
        part: &mut Part,
        told: &mut Told,
    ) -> Result<(), Trouble> {
        let mut request = self.agent.get(url);
        if let Some(token) = self.token.as_ref().filter(|_| own) {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if part.have > 0 {
            request = request.header("range", format!("bytes={}-", part.have));
        }
        let answer: Response = request.call().map_err(|error| self.unreachable(file, &error))?;
        let local = |error: FileError| Trouble::Lasting(error.into());
        let range = answer.headers().get("content-range").and_then(|v| v.to_str().ok());
        let from = range.and_then(|range| range.strip_prefix("bytes ")?.split('-').next()?.parse::<u64>().ok());
        match answer.status().as_u16() {
            206 if from == Some(part.have) => {}
            // All of it, whatever was asked for, or another part than that: from the beginning.
            status @ (200 | 206 | 416) => {
                part.clear().map_err(local)?;
                *told = Told { began: self.clock.now(), from: 0 };
                if status != 200 {
                    return Err(self.not_a_hub_for_now(url, "a part that was not asked for"));
                }
            }
            status => return Err(self.refusal(url, status, None)),
        }
        let mut body = answer.into_body().into_reader();
        let mut piece = vec![0u8; PIECE];
        loop {
            self.cancel.check().map_err(|stop| Trouble::Lasting(stop.into()))?;
            let n = body.read(&mut piece).map_err(|error| {
                let endpoint = host(url).to_owned();
                Trouble::Passing(HubError::Unreachable { endpoint, what: file.to_owned(), reason: error.to_string() })
            })?;
            if n == 0 {
                return Ok(());
            }
            part.add(&piece[..n]).map_err(local)?;
            self.tell(file, part.have, size, told);
        }
    }

    /// Says how far it is and what is left.
    fn tell(&self, file: &str, have: u64, size: Option<u64>, told: &Told) {
        let seconds = self.clock.now().since(told.began);
        let speed = (have - told.from) as f64 / seconds.max(1e-3);
        let left = match size {
            Some(size) if seconds > 1.0 && speed > 0.0 => {
                format!(", {} left", crate::base::text::duration(size.saturating_sub(have) as f64 / speed))
            }
            _ => String::new(),
        };
        let mib = |bytes: u64| bytes.div_ceil(1 << 20);
        let what = format!("fetching {} {file}{left}", self.name.repository);
        self.progress.at(&what, mib(have), size.map_or(0, mib), "MiB");
    }

    /// Tries again what may pass, with longer and longer pauses.
    fn patiently<T>(&self, mut ask: impl FnMut() -> Result<T, Trouble>) -> Result<T, HubError> {
        let mut pause = self.hub.pause;
        for attempt in 1.. {
            match ask() {
                Ok(answer) => return Ok(answer),
                Err(Trouble::Lasting(error)) => return Err(error),
                Err(Trouble::Passing(error)) if attempt >= TRIES => return Err(error),
                Err(Trouble::Passing(_)) => {
                    // In short sleeps, so that a wish to stop is heard.
                    let mut slept = Duration::ZERO;
                    while slept < pause {
                        self.cancel.check()?;
                        let next = Duration::from_millis(50).min(pause - slept);
                        std::thread::sleep(next);
                        slept += next;
                    }
                    pause *= 2;
                }
            }
        }
        unreachable!("the loop ends by returning")
    }

    fn unreachable(&self, what: &str, error: &ureq::Error) -> Trouble {
        let reason = match error {
            ureq::Error::Timeout(_) => format!("no answer within {} seconds", self.hub.patience.as_secs_f64()),
            ureq::Error::HostNotFound => "no such host, or no network".to_owned(),
            other => other.to_string(),
        };
        let told = HubError::Unreachable { endpoint: self.hub.endpoint.clone(), what: what.to_owned(), reason };
        match error {
            // Nobody listens, or nobody has this name: waiting does not help.
            ureq::Error::HostNotFound | ureq::Error::BadUri(_) => Trouble::Lasting(told),
            ureq::Error::Io(e) if e.kind() == std::io::ErrorKind::ConnectionRefused => Trouble::Lasting(told),
            _ => Trouble::Passing(told),
        }
    }

    fn refusal(&self, url: &str, status: u16, code: Option<&str>) -> Trouble {
        let (endpoint, repository) = (self.hub.endpoint.clone(), self.name.repository.clone());
        match (status, code) {
            (_, Some("GatedRepo")) | (403, _) => Trouble::Lasting(HubError::Gated { endpoint, repository }),
            (404, Some("RevisionNotFound")) => {
                Trouble::Lasting(HubError::NoRevision { repository, revision: self.name.revision.clone() })
            }
            (401 | 404, _) => Trouble::Lasting(HubError::NoRepository { endpoint, repository, status }),
            (408 | 429 | 500.., _) => Trouble::Passing(HubError::Status { url: url.to_owned(), status }),
            _ => Trouble::Lasting(HubError::Status { url: url.to_owned(), status }),
        }
    }

    fn not_a_hub(&self, url: &str, what: &str) -> Trouble {
        Trouble::Lasting(HubError::NotAHub { url: url.to_owned(), what: what.to_owned() })
    }

    fn not_a_hub_for_now(&self, url: &str, what: &str) -> Trouble {
        Trouble::Passing(HubError::NotAHub { url: url.to_owned(), what: what.to_owned() })
    }
}

/// From when and from which byte on a speed is measured.
struct Told {
    began: Time,
    from: u64,
}

/// "https://host:port" of an address.
fn host(url: &str) -> &str {
    let after = url.find("://").map_or(0, |at| at + 3);
    let end = url[after..].find(['/', '?']).map_or(url.len(), |at| after + at);
    &url[..end]
}

/// A redirect's target, which may be relative.
fn absolute(from: &str, to: &str) -> String {
    if to.starts_with("http://") || to.starts_with("https://") {
        to.to_owned()
    } else if to.starts_with('/') {
        format!("{}{to}", host(from))
    } else {
        format!("{}/{to}", from.rsplit_once('/').map_or(from, |(folder, _)| folder))
    }
}
