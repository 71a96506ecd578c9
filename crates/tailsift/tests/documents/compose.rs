//! The container files, held against the tree, the command line and each other. No engine is
//! needed for that, and so none for a mistake to be seen.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use serde_json::{Map, Value};

use crate::{refusal, root, text, yaml};

const SERVICE_KEYS: [&str; 9] = [
    "image",
    "build",
    "command",
    "environment",
    "ports",
    "volumes",
    "depends_on",
    "healthcheck",
    "stop_grace_period",
];
const HEALTHCHECK_KEYS: [&str; 4] = ["test", "interval", "timeout", "retries"];

/// The image that is built here.
fn own_image() -> String {
    format!("tailsift:{}", env!("CARGO_PKG_VERSION"))
}

/// All that is wrong with a compose file.
struct Review {
    services: Map<String, Value>,
    problems: Vec<String>,
}

impl Review {
    fn of(text: &str) -> Vec<String> {
        let tree = match yaml::parse(text) {
            Ok(tree) => tree,
            Err(error) => return vec![error],
        };
        let services = tree["services"].as_object().cloned().unwrap_or_default();
        let mut review = Self { services, problems: Vec::new() };
        for (name, service) in &review.services.clone() {
            review.keys(name, service);
            review.image(name, service);
            review.volumes(name, service);
            review.dependencies(name, service);
            if service["image"] == *own_image() {
                review.command(name, service);
            }
            for port in strings(&service["ports"]) {
                review.port(name, service, port);
            }
        }
        review.problems
    }

    fn say(&mut self, name: &str, problem: impl AsRef<str>) {
        self.problems.push(format!("{name}: {}", problem.as_ref()));
    }

    fn keys(&mut self, name: &str, service: &Value) {
        for (place, known) in
            [(service, &SERVICE_KEYS[..]), (&service["healthcheck"], &HEALTHCHECK_KEYS)]
        {
            for key in place.as_object().into_iter().flat_map(Map::keys) {
                if !known.contains(&key.as_str()) {
                    self.say(name, format!("key {key} is not one of {known:?}"));
                }
            }
        }
    }

    fn image(&mut self, name: &str, service: &Value) {
        let image = service["image"].as_str().unwrap_or_default();
        if !is_pinned(image) {
            self.say(name, format!("image {image:?} is not pinned"));
        }
        if image.starts_with("tailsift:") {
            let is_built = |service: &Value| service["image"] == image && service["build"] == ".";
            if !self.services.values().any(is_built) {
                self.say(name, format!("image {image} is built by no service"));
            }
            if image != own_image() {
                self.say(name, format!("image {image} is not of this version, {}", own_image()));
            }
        }
    }

    fn volumes(&mut self, name: &str, service: &Value) {
        for volume in strings(&service["volumes"]) {
            match volume.split(':').collect::<Vec<_>>()[..] {
                [host, _, "ro"] if host.starts_with("./") && root().join(host).exists() => {}
                _ => self.say(name, format!("volume {volume} is not ./EXISTING:PATH:ro")),
            }
        }
    }

    fn dependencies(&mut self, name: &str, service: &Value) {
        for (other, how) in service["depends_on"].as_object().into_iter().flatten() {
            let Some(target) = self.services.get(other) else {
                self.say(name, format!("depends on {other}, which is not defined"));
                continue;
            };
            let sound = match how["condition"].as_str() {
                Some("service_healthy") => target["healthcheck"]["test"].is_array(),
                // A service that is looked after does not end by itself.
                Some("service_completed_successfully") => target["healthcheck"].is_null(),
                Some("service_started") => true,
                Some(_) | None => false,
            };
            if !sound {
                self.say(name, format!("{other} cannot fulfil {how}"));
            }
        }
    }

    /// A command of ours is understood, finds its file, and speaks to a listener that is there.
    fn command(&mut self, name: &str, service: &Value) {
        let arguments = strings(&service["command"]);
        if let Some(said) = refusal(&arguments) {
            self.say(name, said);
        }
        for pair in arguments.windows(2) {
            match pair {
                ["-c" | "--config", file] => match on_host(service, file) {
                    Some(path) => self.brokers(name, &load(&path).kafka.bootstrap_servers),
                    None => self.say(name, format!("{file} is in no volume")),
                },
                ["--bootstrap", address] => self.brokers(name, address),
                _ => {}
            }
        }
    }

    fn brokers(&mut self, name: &str, addresses: &str) {
        for address in addresses.split(',') {
            let service = address.split(':').next().unwrap_or_default();
            let told = self.services.get(service).map(|kafka| {
                let environment = &kafka["environment"];
                environment["KAFKA_ADVERTISED_LISTENERS"].as_str().unwrap_or_default()
            });
            let is_told = |told: &str| {
                told.split(',').any(|listener| listener.ends_with(&format!("//{address}")))
            };
            if !told.is_some_and(is_told) {
                self.say(name, format!("no service is told to answer at {address}"));
            }
        }
    }

    /// Only the host itself reaches a port, and something listens behind it.
    fn port(&mut self, name: &str, service: &Value, port: &str) {
        let ["127.0.0.1", host, inside] = port.split(':').collect::<Vec<_>>()[..] else {
            return self.say(name, format!("port {port} is not 127.0.0.1:HOST:CONTAINER"));
        };
        let listeners = service["environment"]["KAFKA_LISTENERS"].as_str().unwrap_or_default();
        let of_kafka =
            listeners.split(',').any(|listener| listener.ends_with(&format!(":{inside}")));
        let files = strings(&service["command"]).into_iter().filter(|word| word.ends_with(".yaml"));
        let of_ours = files.filter_map(|file| on_host(service, file)).any(|file| {
            let listen = load(&file).http.map(|http| http.listen);
            listen.is_some_and(|listen| {
                listen.ip().is_unspecified() && listen.port().to_string() == inside
            })
        });
        if !of_kafka && !of_ours {
            self.say(name, format!("nothing listens on port {inside}"));
        }
        let taken = self.services.values().flat_map(|service| strings(&service["ports"]));
        if taken.filter(|other| other.split(':').nth(1) == Some(host)).count() > 1 {
            self.say(name, format!("port {host} of the host is taken twice"));
        }
    }
}

fn strings(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

fn is_pinned(image: &str) -> bool {
    image
        .split_once(':')
        .is_some_and(|(_, tag)| tag.starts_with(|first: char| first.is_ascii_digit()))
}

/// Where a container's file is in the repository.
fn on_host(service: &Value, file: &str) -> Option<std::path::PathBuf> {
    let path = strings(&service["volumes"]).into_iter().find_map(|volume| {
        let mut parts = volume.split(':');
        let (host, inside) = (parts.next()?, parts.next()?);
        Some(root().join(host).join(Path::new(file).strip_prefix(inside).ok()?))
    })?;
    path.exists().then_some(path)
}

/// Loads a file as it is without any variable set.
fn load(path: &Path) -> tailsift_config::Config {
    let text = std::fs::read_to_string(path).expect("it was found to exist");
    let no_file = |_: &Path| Err(std::io::ErrorKind::NotFound.into());
    tailsift_config::load(&text, &[], &|_| None, &no_file).unwrap_or_else(|errors| {
        panic!("{}:\n{}", path.display(), tailsift_config::Report(&errors))
    })
}

#[test]
fn the_compose_file_is_right() {
    let text = text("docker-compose.yml");
    assert_eq!(Review::of(&text), Vec::<String>::new());
    let tree = yaml::parse(&text).unwrap();
    let services: Vec<_> = tree["services"].as_object().unwrap().keys().collect();
    assert_eq!(services, ["kafka", "load", "tailsift", "topics"]);
}

#[test]
fn a_mistake_in_the_compose_file_is_seen() {
    let right = text("docker-compose.yml");
    for (from, to, problem) in [
        (
            "apache/kafka:4.3.1",
            "apache/kafka:latest",
            "kafka: image \"apache/kafka:latest\" is not",
        ),
        ("apache/kafka:4.3.1", "apache/kafka", "is not pinned"),
        (&*own_image(), "tailsift:0.0.1", "is not of this version"),
        ("    build: .\n", "", "is built by no service"),
        ("./config:", "./configuration:", "is not ./EXISTING:PATH:ro"),
        (":ro\"", "\"", "is not ./EXISTING:PATH:ro"),
        ("[run, ", "[process, ", "unrecognized subcommand 'process'"),
        ("--bootstrap,", "--brokers,", "unexpected argument '--brokers'"),
        ("\"8\"]", "eight]", "invalid value 'eight'"),
        ("/etc/tailsift/compose.yaml]", "/etc/tailsift/none.yaml]", "none.yaml is in no volume"),
        ("\"kafka:9092\"]", "\"kafka:29092\"]", "no service is told to answer at kafka:29092"),
        ("PLAINTEXT://kafka:9092", "PLAINTEXT://broker:9092", "no service is told to answer"),
        (":8080:8080", ":8080:80", "nothing listens on port 80"),
        ("127.0.0.1:8080", "8080", "is not 127.0.0.1:HOST:CONTAINER"),
        (":29092:29092", ":8080:29092", "port 8080 of the host is taken twice"),
        ("topics: {condition", "topic: {condition", "depends on topic, which is not defined"),
        ("service_completed_successfully", "service_healthy", "topics cannot fulfil"),
        ("service_healthy", "service_alive", "kafka cannot fulfil"),
        ("retries:", "retry:", "key retry is not one of"),
        ("image: apache", "imago: apache", "key imago is not one of"),
        ("services:\n", "services: [\n", ""),
    ] {
        assert!(right.contains(from), "{from} is not in the file: this case changes nothing");
        let problems = Review::of(&right.replace(from, to));
        assert!(problems.iter().any(|said| said.contains(problem)), "{from} → {to}: {problems:?}");
    }
}

/// The probe of the processor's health takes 200 for good and all else for bad.
#[test]
fn the_health_probe_tells_ready_from_not_ready() {
    let tree = yaml::parse(&text("docker-compose.yml")).unwrap();
    let probe = strings(&tree["services"]["tailsift"]["healthcheck"]["test"]).split_off(1);
    let answers = ["200 OK", "503 Service Unavailable"];
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = std::thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = String::new();
            BufReader::new(&stream).read_line(&mut request).unwrap();
            assert_eq!(request, "GET /readyz HTTP/1.0\r\n");
            write!(stream, "HTTP/1.0 {answer}\r\n\r\n").unwrap();
        }
    });
    let good = answers.map(|_| {
        let script = probe[2].replace("/8080", &format!("/{port}"));
        Command::new(probe[0]).args([probe[1], &script]).status().unwrap().success()
    });
    server.join().unwrap();
    assert_eq!(good, [true, false]);
}

#[test]
fn the_image_is_built_from_what_is_there() {
    let (file, ignored) = (text("Dockerfile"), text(".dockerignore"));
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let lines: Vec<_> = file.lines().map(words).filter(|words| !words.is_empty()).collect();
    let of = |instruction: &'static str| lines.iter().filter(move |words| words[0] == instruction);

    let images: Vec<_> = of("FROM").map(|words| words[1].as_str()).collect();
    assert!(images.iter().all(|image| is_pinned(image)), "{images:?}");
    let toolchain = text("rust-toolchain.toml");
    let channel = toolchain.lines().find_map(|line| line.strip_prefix("channel = ")).unwrap();
    let compiler = format!("rust:{}-", channel.trim_matches('"'));
    assert!(images[0].starts_with(&compiler), "{} is not {compiler}…", images[0]);
    assert!(images[1].contains("-slim"), "{images:?}");

    let sent: BTreeSet<_> = ignored.lines().filter_map(|line| line.strip_prefix('!')).collect();
    let copied = of("COPY").filter(|words| !words[1].starts_with("--from="));
    let copied: BTreeSet<_> =
        copied.flat_map(|words| &words[1..words.len() - 1]).map(String::as_str).collect();
    assert_eq!(copied, sent, "what is sent to the builder is what is copied");
    assert!(sent.iter().all(|path| root().join(path).exists()), "{sent:?}");

    let user = of("USER").next_back().expect("a user");
    assert!(!user[1].starts_with("0") && !user[1].starts_with("root"), "{user:?}");
    let entry = of("ENTRYPOINT").next_back().expect("an entry point");
    assert_eq!(entry[1], "[\"tailsift\"]");
    let build = file.contains("cargo build --locked --release --package tailsift");
    assert!(build, "the image holds a locked release build");
}
