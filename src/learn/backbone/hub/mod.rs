//! Weights from a model hub, through the hub's own cache.
//!
//! ```text
//!   "hf:timm/resnet18.a1_in1k"  ─▶ HubName ─▶ Hub::find   the cache, no network, ever
//!                                         └─▶ Hub::fetch  config.json, README.md, model.safetensors
//! ```
//!
//! `cache` knows the layout that `huggingface_hub` writes (`models--OWNER--NAME/{blobs,refs,snapshots}`), so that what
//! Python has fetched is found here and the other way round. `web` asks and downloads, with resume; `part` keeps what
//! has come and its hash. `card`
//! reads what a repository says of its weights: picture statistics and licence. Where the cache lies, the token and
//! whether the network may be used come in as a [`Hub`]; nothing here reads the environment, the clock or a home folder.
//! Only safetensors files are fetched: a pickle can run code.

mod cache;
mod card;
mod part;
mod sha256;
mod web;

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use self::cache::Cached;
pub use self::card::{Expected, licence};

use crate::base::cancel::Cancelled;
use crate::base::files::FileError;
use crate::base::{Cancel, Clock, Progress};

/// Where hub weights come from, and how they may be asked for.
#[derive(Clone)]
pub struct Hub {
    /// The hub's address without a slash at the end.
    pub endpoint: String,
    /// The folder of the cache.
    pub cache: PathBuf,
    /// The person's token.
    pub token: Option<String>,
    /// The file that holds the token where none is given.
    pub token_file: Option<PathBuf>,
    /// Whether the network must not be used.
    pub offline: bool,
    /// The proxy's address.
    pub proxy: Option<String>,
    /// How long an answer, or the next bytes of one, may take.
    pub patience: Duration,
    /// Seconds before the first repetition of what failed by the network; they double.
    pub pause: Duration,
}

impl fmt::Debug for Hub {
    // By hand: a token belongs in no log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub")
            .field("endpoint", &self.endpoint)
            .field("cache", &self.cache)
            .field("offline", &self.offline)
            .finish_non_exhaustive()
    }
}

impl Hub {
    /// The hub as the environment describes it, with `huggingface_hub`'s variables and defaults: `HF_HUB_CACHE`, `HF_HOME`,
    /// `HF_ENDPOINT`, `HF_TOKEN`, `HF_TOKEN_PATH`, `HF_HUB_OFFLINE`, and the usual ones for proxies. `get` looks a
    /// variable up.
    pub fn from_environment(get: &dyn Fn(&str) -> Option<OsString>) -> Hub {
        let path = |name: &str| get(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let text = |name: &str| {
            let value = get(name).and_then(|value| value.into_string().ok()).map(|value| value.trim().to_owned());
            value.filter(|value| !value.is_empty())
        };
        let person = path("HOME").or_else(|| path("USERPROFILE")).unwrap_or_default();
        let folder = |name: &str| {
            let path = path(name)?;
            Some(path.strip_prefix("~").map(|rest| person.join(rest)).unwrap_or(path))
        };
        let home = folder("HF_HOME")
            .unwrap_or_else(|| folder("XDG_CACHE_HOME").unwrap_or_else(|| person.join(".cache")).join("huggingface"));
        let endpoint = text("HF_ENDPOINT").unwrap_or_else(|| "https://huggingface.co".to_owned());
        let is_on = |value: String| ["1", "on", "yes", "true"].contains(&value.to_ascii_lowercase().as_str());
        let proxies: &[&str] = match endpoint.starts_with("https") {
            true => &["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"],
            // A capital HTTP_PROXY can be set by a request where programs are run for web servers.
            false => &["http_proxy", "ALL_PROXY", "all_proxy"],
        };
        let spared = text("NO_PROXY").or_else(|| text("no_proxy")).unwrap_or_default();
        Hub {
            cache: folder("HF_HUB_CACHE")
                .or_else(|| folder("HUGGINGFACE_HUB_CACHE"))
                .unwrap_or_else(|| home.join("hub")),
            token: text("HF_TOKEN").or_else(|| text("HUGGING_FACE_HUB_TOKEN")),
            token_file: Some(folder("HF_TOKEN_PATH").unwrap_or_else(|| home.join("token"))),
            offline: text("HF_HUB_OFFLINE").is_some_and(is_on),
            proxy: proxies.iter().find_map(|name| text(name)).filter(|_| !is_spared(&endpoint, &spared)),
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            patience: Duration::from_secs(30),
            pause: Duration::from_secs(1),
        }
    }

    /// What the cache holds of these weights; `None` when they were not fetched yet. Uses no network.
    pub fn find(&self, name: &HubName) -> Option<Cached> {
        cache::Repository::of(&self.cache, name).find(&name.revision)
    }

    /// The weights, from the cache or fetched into it. `progress` hears of each file in bytes; `clock` is for the time that is left.
    ///
    /// # Errors
    /// When the network may not be used, the hub refuses or cannot be reached, what comes is not what was announced, or on
    /// a stop. What was downloaded stays, and the next call goes on from there.
    pub fn fetch(
        &self,
        name: &HubName,
        clock: &dyn Clock,
        progress: &dyn Progress,
        cancel: &Cancel,
    ) -> Result<Cached, HubError> {
        if let Some(found) = self.find(name) {
            return Ok(found);
        }
        if self.offline {
            return Err(HubError::Offline { name: name.to_string(), cache: self.cache.clone() });
        }
        web::Download::new(self, name, clock, progress, cancel)?.repository()?;
        self.find(name).ok_or_else(|| HubError::Vanished { name: name.to_string(), cache: self.cache.clone() })
    }

    /// The token that requests carry.
    fn token(&self) -> Option<String> {
        let from_file = || std::fs::read_to_string(self.token_file.as_deref()?).ok();
        self.token.clone().or_else(from_file).map(|token| token.trim().to_owned()).filter(|token| !token.is_empty())
    }
}

/// Whether `NO_PROXY` spares the endpoint: a host, a domain with all below it, or everything.
fn is_spared(endpoint: &str, spared: &str) -> bool {
    let host = endpoint.split("://").nth(1).unwrap_or(endpoint).split(['/', ':']).next().unwrap_or_default();
    spared.split(',').map(str::trim).filter(|entry| !entry.is_empty()).any(|entry| {
        let entry = entry.split(':').next().unwrap_or(entry).trim_start_matches('.');
        entry == "*" || host == entry || host.ends_with(&format!(".{entry}"))
    })
}

/// The weights of one repository at one revision.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HubName {
    /// "timm/resnet18.a1_in1k".
    pub repository: String,
    /// A branch, a tag or a commit; "main" where none is written.
    pub revision: String,
}

impl HubName {
    /// What stands before a hub's name in a recipe.
    pub const PREFIX: &str = "hf:";

    /// Reads `OWNER/NAME` or `OWNER/NAME@REVISION`, without the prefix.
    ///
    /// # Errors
    /// When it is no such name.
    pub fn read(text: &str) -> Result<HubName, HubError> {
        let (repository, revision) = text.split_once('@').unwrap_or((text, "main"));
        let word = |word: &str| {
            !word.is_empty()
                && word.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
                && !word.starts_with(['.', '-'])
                && !word.contains("..")
                && !word.contains("--")
        };
        let is_name = repository.split('/').count() == 2 && repository.split('/').all(word);
        let is_revision = revision.split('/').all(|part| word(part) && !part.ends_with(".lock"));
        match is_name && is_revision {
            true => Ok(HubName { repository: repository.to_owned(), revision: revision.to_owned() }),
            false => Err(HubError::Name(text.to_owned())),
        }
    }
}

impl fmt::Display for HubName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", HubName::PREFIX, self.repository)?;
        if self.revision == "main" { Ok(()) } else { write!(f, "@{}", self.revision) }
    }
}

/// Weights cannot be had from the hub.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// Not a repository's name.
    #[error("{0:?} is no repository; write OWNER/NAME, or OWNER/NAME@REVISION, such as \"hf:timm/resnet18.a1_in1k\"")]
    Name(String),
    /// Not there, and the network may not be used.
    #[error(
        "{name} is not in {} and HF_HUB_OFFLINE forbids fetching it; unset it, or copy the folder from a machine that has it",
        cache.display()
    )]
    Offline {
        /// The weights.
        name: String,
        /// The cache.
        cache: PathBuf,
    },
    /// The hub cannot be reached, or stopped answering.
    #[error(
        "cannot reach {endpoint} for {what}: {reason}; HF_ENDPOINT names another hub, and a .safetensors file needs none"
    )]
    Unreachable {
        /// The hub's address.
        endpoint: String,
        /// What was asked for.
        what: String,
        /// What happened.
        reason: String,
    },
    /// The hub does not know the repository, or does not tell strangers.
    #[error(
        "{endpoint} has no {repository} that you may read ({status}): look the name over; for a private one set HF_TOKEN"
    )]
    NoRepository {
        /// The hub's address.
        endpoint: String,
        /// The repository.
        repository: String,
        /// 401 or 404.
        status: u16,
    },
    /// The repository wants its conditions to be accepted.
    #[error(
        "{endpoint}/{repository} is open only to those who accept its conditions: do so in a browser, then set HF_TOKEN"
    )]
    Gated {
        /// The hub's address.
        endpoint: String,
        /// The repository.
        repository: String,
    },
    /// No such branch, tag or commit.
    #[error("{repository} has no revision {revision:?}")]
    NoRevision {
        /// The repository.
        repository: String,
        /// The revision asked for.
        revision: String,
    },
    /// The weights are there as a pickle only.
    #[error(
        "{repository} holds its weights as a pickle ({file}), which can run any code when it is read; convert it where you \
         trust it: python -c \"import timm; from safetensors.torch import save_file; \
         save_file(timm.create_model('hf-hub:{repository}', pretrained=True).state_dict(), 'weights.safetensors')\" \
         and write weights = \"weights.safetensors\""
    )]
    OnlyPickle {
        /// The repository.
        repository: String,
        /// The pickle's name.
        file: String,
    },
    /// The repository has no weights.
    #[error("{repository} has no model.safetensors")]
    NoWeights {
        /// The repository.
        repository: String,
    },
    /// Another refusal.
    #[error("{url} answers {status}{}", if *status == 429 { ": too many requests; try again later, or set HF_TOKEN" } else { "" })]
    Status {
        /// The address.
        url: String,
        /// The status.
        status: u16,
    },
    /// The answer is not a hub's.
    #[error("{url} does not answer as a hub does: {what}")]
    NotAHub {
        /// The address.
        url: String,
        /// What is missing or wrong.
        what: String,
    },
    /// The bytes are not those that were announced.
    #[error(
        "{file} came with the hash {found} instead of {expected}; it was thrown away, and fetching again begins anew"
    )]
    WrongHash {
        /// The file.
        file: String,
        /// The hash that the hub names.
        expected: String,
        /// The hash of what came.
        found: String,
    },
    /// The number of bytes is not the announced one.
    #[error("{file} came with {found} bytes instead of {expected}")]
    WrongSize {
        /// The file.
        file: String,
        /// Bytes that the hub names.
        expected: u64,
        /// Bytes that came.
        found: u64,
    },
    /// Fetched and gone again.
    #[error("{name} was fetched into {} and is not there any more", cache.display())]
    Vanished {
        /// The weights.
        name: String,
        /// The cache.
        cache: PathBuf,
    },
    /// What `config.json` says is no description of weights.
    #[error("{}: {what}", file.display())]
    Config {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// The cache cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// On a wish to stop.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

/// The file of weights in a repository.
const WEIGHTS: &str = "model.safetensors";
/// What the weights expect.
const CONFIG: &str = "config.json";
/// The model card, whose front matter names the licence.
const CARD: &str = "README.md";

/// The file beside another that describes weights, when it is there: `NAME.json`, or `config.json`.
fn description_beside(weights: &Path) -> Option<PathBuf> {
    let candidates = [weights.with_extension("json"), weights.with_file_name(CONFIG)];
    candidates.into_iter().find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(variables: &[(&str, &str)]) -> Hub {
        Hub::from_environment(&|name| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| value.into()))
    }

    #[test]
    fn the_environments_variables_mean_what_they_mean_in_python() {
        let plain = with(&[("HOME", "/k")]);
        assert_eq!(plain.cache, Path::new("/k/.cache/huggingface/hub"));
        assert_eq!(plain.token_file.as_deref(), Some(Path::new("/k/.cache/huggingface/token")));
        assert_eq!((plain.endpoint.as_str(), plain.offline, plain.token), ("https://huggingface.co", false, None));
        let moved = with(&[("HOME", "/k"), ("HF_HOME", "~/hf"), ("HF_ENDPOINT", "https://mirror.example/")]);
        assert_eq!(moved.cache, Path::new("/k/hf/hub"));
        assert_eq!(moved.endpoint, "https://mirror.example");
        let own = with(&[("HF_HOME", "/a"), ("HF_HUB_CACHE", "/b"), ("HF_TOKEN", " t "), ("HF_HUB_OFFLINE", "True")]);
        assert_eq!((own.cache.as_path(), own.token.as_deref(), own.offline), (Path::new("/b"), Some("t"), true));
        assert!(!with(&[("HF_HUB_OFFLINE", "0")]).offline);
        assert_eq!(with(&[("XDG_CACHE_HOME", "/x")]).cache, Path::new("/x/huggingface/hub"));
        assert!(!format!("{own:?}").contains("\"t\""), "a token is not printed");
    }

    #[test]
    fn a_proxy_is_for_those_that_are_not_spared() {
        let proxy = ("HTTPS_PROXY", "http://proxy:3128");
        assert_eq!(with(&[proxy]).proxy.as_deref(), Some("http://proxy:3128"));
        assert_eq!(with(&[proxy, ("NO_PROXY", "localhost, .huggingface.co")]).proxy, None);
        assert!(with(&[proxy, ("NO_PROXY", "face.co")]).proxy.is_some());
        assert_eq!(with(&[proxy, ("HF_ENDPOINT", "http://localhost:1")]).proxy, None);
    }

    #[test]
    fn names_of_repositories() {
        let name = HubName::read("timm/resnet18.a1_in1k").expect("a name");
        assert_eq!((name.revision.as_str(), name.to_string().as_str()), ("main", "hf:timm/resnet18.a1_in1k"));
        assert_eq!(HubName::read("timm/x@v1/b").expect("a revision").to_string(), "hf:timm/x@v1/b");
        for wrong in ["resnet18", "", "a/b/c", "../b", "a/..", "a/b@", "a/b@../c", "a/b c", "a--b/c", "/b", "a/.b"] {
            assert!(HubName::read(wrong).is_err(), "{wrong}");
        }
    }
}
