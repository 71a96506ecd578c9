//! Looks for secrets that were replaced, and tries them before anyone uses them.

use std::hash::RandomState;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tailsift_config::{Config, ConfigFile, Report};
use tailsift_kafka::{AccessError, check_access, is_login, validate_properties};
use tracing::{debug, info, warn};

use super::Secrets;
use super::prints::{Prints, clusters, reads_files};
use crate::app::cluster_settings;
use crate::metrics::count_reload;
use crate::shutdown::Stop;

const NAP: Duration = Duration::from_millis(50);
/// How long a broker may take to accept or refuse what was found.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often the same trouble is told.
const SAY_EVERY: Duration = Duration::from_secs(60);

/// What is done about what was found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    Nothing,
    /// It is used from now on.
    Taken,
    /// What was in use stays in use.
    Refused(String),
    /// No broker has answered: it will be tried again.
    Unanswered,
}

/// Looks at the files of secrets.
pub(crate) struct Watch {
    file: ConfigFile,
    secrets: Arc<Secrets>,
    hashes: RandomState,
    taken: Prints,
    /// What was told last, and when.
    told: Option<(String, Instant)>,
}

impl Watch {
    /// Remembers what files hold now: before clients are made with it.
    pub(crate) fn new(file: ConfigFile, secrets: Arc<Secrets>) -> Self {
        let hashes = RandomState::new();
        let taken = Prints::of(&secrets.config(), &hashes);
        Self { file, secrets, hashes, taken, told: None }
    }

    /// Starts the thread that looks every so often (`kafka.reload_interval`), unless there is
    /// nothing to look at. Nobody waits for its end: it only reads files and asks.
    ///
    /// # Errors
    /// If no thread can be made.
    pub(crate) fn start(mut self, stop: Arc<Stop>) -> anyhow::Result<()> {
        let config = self.secrets.config();
        let Some(interval) = config.reload_interval else { return Ok(()) };
        if !self.file.has_file_references() && !reads_files(&config) {
            return Ok(());
        }
        let work = move || {
            while !stop.is_set() {
                self.look();
                let next = Instant::now() + interval;
                while !stop.is_set() && Instant::now() < next {
                    std::thread::sleep(NAP.min(interval));
                }
            }
        };
        let thread = std::thread::Builder::new().name("secrets".to_owned()).spawn(work);
        thread.map(drop).context("starting the thread that looks at secrets")
    }

    fn look(&mut self) {
        match self.look_with(ask) {
            Found::Nothing => self.told = None,
            Found::Taken => {
                self.told = None;
                count_reload("taken");
            }
            Found::Unanswered => debug!("secrets were replaced, and no broker answers yet"),
            Found::Refused(reason) => {
                count_reload("refused");
                let is_known = self
                    .told
                    .as_ref()
                    .is_some_and(|(told, at)| *told == reason && at.elapsed() < SAY_EVERY);
                if !is_known {
                    warn!(reason, "replaced secrets cannot be used; those from before stay in use");
                    self.told = Some((reason, Instant::now()));
                }
            }
        }
    }

    /// Takes up what was replaced, if `ask` says that brokers accept it.
    pub(super) fn look_with(
        &mut self,
        ask: impl Fn(&Config) -> Result<bool, AccessError>,
    ) -> Found {
        let loaded = match self.file.load() {
            Ok(loaded) => loaded,
            Err(errors) => return Found::Refused(Report(&errors).to_string().trim().to_owned()),
        };
        // Everything else stays as it was at the start, whatever files say by now.
        let mut config = Config::clone(&self.secrets.config());
        config.kafka.properties = loaded.kafka.properties;
        if let Some((kafka, loaded)) = config.output.kafka.as_mut().zip(loaded.output.kafka) {
            kafka.properties = loaded.properties;
        }
        // Before they are tried: what changes in the meantime is found the next time.
        let prints = Prints::of(&config, &self.hashes);
        let changed = prints.changed_from(&self.taken);
        if changed.is_empty() {
            return Found::Nothing;
        }
        for (section, kafka) in clusters(&config) {
            if let Err(errors) = validate_properties(&kafka.properties) {
                let errors: Vec<_> = errors.iter().map(|one| format!("{section}{one}")).collect();
                return Found::Refused(errors.join("; "));
            }
        }
        match ask(&config) {
            Ok(true) => {}
            Ok(false) => return Found::Unanswered,
            Err(error) => return Found::Refused(error.to_string()),
        }
        let property =
            |name: &String| name.rsplit_once("properties.").is_some_and(|(_, key)| is_login(key));
        let by_login = changed.iter().all(property);
        info!(
            changed = changed.join(", "),
            reconnect = !by_login,
            "secrets were replaced, and are used from now on"
        );
        self.secrets.replace(&config, by_login);
        self.taken = prints;
        Found::Taken
    }
}

/// Whether brokers of all clusters let us in.
fn ask(config: &Config) -> Result<bool, AccessError> {
    let mut all = true;
    for (_, kafka) in clusters(config) {
        all &= check_access(&cluster_settings(kafka), PATIENCE)?;
    }
    Ok(all)
}
