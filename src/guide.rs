//! How to build a platform on this crate, step by step.
//!
//! 1. [First run](#first-run)
//! 2. [Locks](#locks)
//! 3. [A form in a web service](#a-form-in-a-web-service)
//! 4. [Running a module](#running-a-module)
//! 5. [Masking what a module prints](#masking-what-a-module-prints)
//! 6. [Files that change](#files-that-change)
//! 7. [Rotating keys](#rotating-keys)
//! 8. [Backups](#backups)
//! 9. [An audit log](#an-audit-log)
//! 10. [Writing a store](#writing-a-store)
//!
//! The repository has a complete service, with pages in a browser: `cargo run -p module-manager`.
//!
//! # First run
//!
//! A service has one vault: a store, and a keyring in it. Both are made once, on the first start. The keyring is
//! locked under several locks. Any one of them opens it.
//!
//! ```
//! use std::path::Path;
//!
//! use secrets_toml::seal::{Custody, Lock};
//! use secrets_toml::store::RedbStore;
//! use secrets_toml::vault::Vault;
//!
//! # type Error = Box<dyn std::error::Error>;
//! /// Makes the vault. `kek` is a key of 32 random bytes that the host keeps, and `spare` is one that lies
//! /// in a safe.
//! fn create(file: &Path, kek: &[u8; 32], spare: &[u8; 32]) -> Result<Vault<RedbStore>, Error> {
//!     let custody = Custody::new("production")?
//!         .lock("host", Lock::raw(kek))?
//!         .lock("break-glass", Lock::raw(spare))?; // or a passphrase
//!     Ok(Vault::create(RedbStore::create(file)?, &custody)?)
//! }
//!
//! /// Opens it, whenever the service starts.
//! fn open(file: &Path, kek: &[u8; 32]) -> Result<Vault<RedbStore>, Error> {
//!     let custody = Custody::new("production")?.lock("host", Lock::raw(kek))?;
//!     Ok(Vault::open(RedbStore::open(file)?, &custody)?)
//! }
//!
//! # let folder = std::env::temp_dir().join(format!("guide-{}", std::process::id()));
//! # std::fs::create_dir(&folder)?;
//! # let (file, kek, spare) = (folder.join("vault.redb"), [7; 32], [8; 32]);
//! let vault = create(&file, &kek, &spare)?;
//! # drop(vault);
//! let vault = open(&file, &kek)?;
//! # drop(vault);
//! # std::fs::remove_dir_all(folder)?;
//! # Ok::<(), Error>(())
//! ```
//!
//! # Locks
//!
//! Have two locks of different kinds, so that the loss of one loses nothing:
//!
//! | lock | use it for | who can open the keyring |
//! |---|---|---|
//! | [`Lock::kms`] | the service, if you have a key management service (KMS) | whoever the KMS lets decrypt; each call is in its log, and access can be withdrawn |
//! | [`Lock::raw`] | the service, if a secret manager or a protected file gives it 32 bytes | whoever reads the file; nobody is asked |
//! | `Lock::passphrase` (feature `passphrase`) | an emergency, on paper in a safe | whoever reads the paper; a guess costs 64 MiB and most of a second |
//!
//! Two packages of the repository have a lock of a KMS and a passphrase, with a test each:
//!
//! | package | use it if |
//! |---|---|
//! | `examples/kms_aws` | you run on AWS, so that a role replaces long-lived credentials |
//! | `examples/kms_vault_transit` | you run HashiCorp Vault or OpenBao, on your own machines or in several clouds |
//!
//! Other services work in the same way if they take a context (or "additional authenticated data") with a
//! key: pass [`Custody::context`], or [`Custody::context_bytes`] if it takes bytes. **Guard the permission to
//! encrypt under the KMS key like the permission to decrypt.** Whoever can wrap a key of his own can make a
//! lock that your service opens.
//!
//! A KMS is asked when a process starts, and when the locks change. A rotation needs none, and neither
//! does another process that notices it.
//!
//! If somebody must not have a lock any more, call [`Vault::relock`] without it, then [`Vault::rotate`]: he
//! may have read the keys before. He may also forge a keyring of the old locks for a process that starts
//! anew. So keep the numbers of the set and the generation outside the store, and pass them to
//! [`Custody::at_least`]. [`LockedKeyring::load`](crate::seal::LockedKeyring::load) shows them.
//!
//! # A form in a web service
//!
//! When a module is registered, show [`Template::report`](crate::Template::report) to whoever wrote the template: it
//! names misspelt markers such as `@optionel`, and tokens that were committed. The documentation of
//! [`Template`](crate::Template) lists the markers.
//!
//! The form of a new version shows the template's text. The text that comes back is parsed, then validated. Both
//! errors are pages for the author: `Display` and `Serialize` show no value.
//!
//! ```
//! use secrets_toml::seal::Scope;
//! use secrets_toml::store::Store;
//! use secrets_toml::vault::{Expected, Vault, VaultError};
//! use secrets_toml::{Document, Template};
//!
//! /// The page that the author sees next.
//! enum Page {
//!     Stored,
//!     /// The same form again, with a report above it.
//!     Form { report: String },
//! }
//!
//! fn create<S: Store>(
//!     vault: &Vault<S>,
//!     version: &Scope,
//!     template: &Template,
//!     entered: &str,
//! ) -> Result<Page, VaultError> {
//!     let document = match Document::parse(entered) {
//!         Ok(document) => document,
//!         Err(error) => return Ok(Page::Form { report: error.to_string() }),
//!     };
//!     let secrets = match template.validate(document) {
//!         Ok(secrets) => secrets,
//!         Err(invalid) => return Ok(Page::Form { report: invalid.to_string() }),
//!     };
//!     match vault.put(version, &secrets, Expected::Absent) {
//!         Ok(_) => Ok(Page::Stored),
//!         // Somebody else made this version meanwhile.
//!         Err(error @ VaultError::Conflict { .. }) => Ok(Page::Form { report: error.to_string() }),
//!         Err(error) => Err(error),
//!     }
//! }
//!
//! # use secrets_toml::{seal::Keyring, store::MemoryStore};
//! # let vault = Vault::new(MemoryStore::new(), Keyring::generate()?);
//! # let version = Scope::module("chat")?.version("1.0.0")?;
//! let template = Template::parse("CLARIFAI_PAT = \"\"\n")?;
//! let page = create(&vault, &version, &template, template.text())?;
//! assert!(matches!(page, Page::Form { report } if report.contains("`CLARIFAI_PAT` is blank")));
//! let page = create(&vault, &version, &template, "CLARIFAI_PAT = \"hunter2\"\n")?;
//! assert!(matches!(page, Page::Stored));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! To change stored secrets, show [`Document::form`](crate::Document::form), in which markers take the place of
//! the values, and put the revision into a hidden field. [`Template::validate_update`] puts the values back
//! where their markers are. Compare the revision before: a marker has a meaning only in the document that the
//! form was made from.
//!
//! ```
//! use secrets_toml::Document;
//! use secrets_toml::vault::{Expected, Vault};
//! # use secrets_toml::{seal::{Keyring, Scope}, store::MemoryStore, Template};
//! # let vault = Vault::new(MemoryStore::new(), Keyring::generate()?);
//! # let version = Scope::module("chat")?.version("1.0.0")?;
//! # let template = Template::parse("PAT = \"\"\nMODEL = \"\"\n")?;
//! # let secrets = Document::parse("PAT = \"hunter2\"\nMODEL = \"small\"\n")?.validate()?;
//! # vault.put(&version, &secrets, Expected::Absent)?;
//!
//! // The page.
//! let opened = vault.get(&version)?.ok_or("no such version")?;
//! let revision = opened.revision();
//! let form = opened.into_secrets()?.form();
//! assert_eq!(form, "PAT = \"<unchanged>\"\nMODEL = \"<unchanged>\"\n");
//!
//! // The request that comes back, with one value changed.
//! let entered = form.replace("MODEL = \"<unchanged>\"", "MODEL = \"large\"");
//! let current = vault.get(&version)?.ok_or("no such version")?;
//! if current.revision() != revision {
//!     return Err("somebody changed the secrets meanwhile: show the form anew".into());
//! }
//! let current = current.into_secrets()?;
//! let secrets = template.validate_update(Document::parse(entered)?, &current)?;
//! vault.put(&version, &secrets, Expected::Revision(revision))?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! When a module gets a new version, [`Template::prefill`] fills the new template with the values of the last
//! version. Its form shows the values that are not secret, and markers for the others. Each install has a record
//! of its own: [`Vault::copy`] makes it from the version's.
//!
//! # Running a module
//!
//! Streamlit reads the checkout's own `.streamlit/secrets.toml`, which is the template, and writes it over the
//! environment that it was started with. So a Streamlit module gets its secrets in a file:
//!
#![cfg_attr(all(unix, feature = "handover"), doc = "```no_run")]
#![cfg_attr(not(all(unix, feature = "handover")), doc = "```ignore")]
//! use std::process::Command;
//!
//! use secrets_toml::handover::SecretsFile;
//! use secrets_toml::{Document, Overrides};
//!
//! // On the start of the service: remove what a crash has left.
//! SecretsFile::sweep("/run/modules")?;
//!
//! # let secrets = Document::parse("CLARIFAI_PAT = \"hunter2\"\n")?.validate()?;
//! let env = secrets.env()?.override_with(&Overrides::clarifai(), "?user_id=alice")?;
//! let file = SecretsFile::create_in("/run/modules", &secrets.for_streamlit(&env)?)?;
//! Command::new("/srv/venv/bin/streamlit")
//!     .args(["run", "app.py"])
//!     .env_clear()
//!     .env("PATH", "/srv/venv/bin:/usr/bin:/bin")
//!     .env("HOME", "/srv/module")
//!     .envs(file.env()) // STREAMLIT_SECRETS_FILES, and nothing else
//!     .status()?;
//! // The file is removed when it is dropped. A running module keeps its values.
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A module that is not a Streamlit module gets environment variables:
//!
//! ```
//! # let secrets = secrets_toml::Document::parse("PAT = \"hunter2\"\n")?.validate()?;
//! let env = secrets.env()?;
//! let mut module = std::process::Command::new("module");
//! module.env_clear().envs(&env);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Clear the inherited environment in both cases, and pass on by name what the module needs of it. Otherwise a
//! variable that a query displaced comes from the launcher. [`Env::explain`](crate::Env::explain) gives one line
//! for each variable, for a log.
//!
//! # Masking what a module prints
//!
//! A module prints its secrets sooner or later, and the platform shows its log. [`Masker`](crate::mask::Masker)
//! replaces them in a stream, in the spellings that encoders and printers make of them. Give it the owner's
//! document and the delivered one, which has the values of the visitor's link. The example `run` does this for both
//! streams of a command.
//!
#![cfg_attr(feature = "mask", doc = "```no_run")]
#![cfg_attr(not(feature = "mask"), doc = "```ignore")]
//! use std::io::{self, Read, Write};
//! use std::process::{Command, Stdio};
//!
//! use secrets_toml::Document;
//! use secrets_toml::mask::Masker;
//!
//! # let secrets = Document::parse("CLARIFAI_PAT = \"hunter2\"\n")?.validate()?;
//! let env = secrets.env()?;
//! let masker = Masker::new(&[&secrets, &secrets.for_streamlit(&env)?])?;
//! let mut module =
//!     Command::new("module").env_clear().envs(&env).stdout(Stdio::piped()).spawn()?;
//! let mut output = module.stdout.take().ok_or("no output")?;
//! let mut log = masker.writer(io::stdout());
//! let mut buffer = [0; 4096];
//! loop {
//!     let len = output.read(&mut buffer)?;
//!     if len == 0 {
//!         break;
//!     }
//!     log.write_all(&buffer[..len])?;
//!     log.flush()?; // a prompt appears at once
//! }
//! log.finish()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The platform's own log is masked by a writer of `tracing-subscriber`. Each event is a text by itself.
//!
#![cfg_attr(feature = "mask", doc = "```")]
#![cfg_attr(not(feature = "mask"), doc = "```ignore")]
//! use std::io;
//!
//! use secrets_toml::Document;
//! use secrets_toml::mask::Masker;
//!
//! # let secrets = Document::parse("CLARIFAI_PAT = \"hunter2\"\n")?;
//! let masker = Masker::new(&[&secrets])?;
//! let log = tracing_subscriber::fmt().with_writer(move || masker.writer(io::stderr())).finish();
//! tracing::subscriber::with_default(log, || {
//!     tracing::warn!(token = "hunter2", "the module was refused"); // … refused token="***"
//! });
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Files that change
//!
//! Not every secret is in a vault. The [`files`](crate::files) of an operator are layered: for each root key, the
//! last one wins. A [`Reload`](crate::files::Reload) reads them again when the host asks, for example once a
//! second. If an edit is broken, readers keep the last good secrets.
//!
//! **A Kubernetes mount.** Mount each `Secret` into a folder of its own below one directory. All values of one
//! mount are of one generation, also while Kubernetes replaces it.
//!
//! ```yaml
//! volumeMounts:
//!   - { name: db, mountPath: /etc/secrets/db, readOnly: true }         # [db] with `user` and `password`
//!   - { name: openai, mountPath: /etc/secrets/OPENAI_API_KEY, readOnly: true } # one file: a string
//! ```
//!
#![cfg_attr(feature = "files", doc = "```")]
#![cfg_attr(not(feature = "files"), doc = "```ignore")]
//! use std::path::Path;
//!
//! use secrets_toml::files::{Files, Reload, ReloadError};
//! use secrets_toml::Template;
//!
//! /// The file in the image, and over it the mounted secrets.
//! fn start(root: &Path, template: Template) -> Result<Reload, ReloadError> {
//!     let files = Files::new().file(root.join("srv/app/secrets.toml")).directory(root.join("etc/secrets"));
//!     Reload::new(files, template)
//! }
//!
//! # let root = std::env::temp_dir().join(format!("guide-files-{}", std::process::id()));
//! # std::fs::create_dir_all(root.join("etc/secrets/OPENAI_API_KEY"))?;
//! # std::fs::write(root.join("etc/secrets/OPENAI_API_KEY/key"), "hunter2\n")?;
//! let template = Template::parse("OPENAI_API_KEY = ''\n")?;
//! let mut reload = start(&root, template)?;
//! let current = reload.reader(); // for each task or thread
//! let secrets = current.get(); // for each request
//! assert_eq!(secrets.env()?.get("OPENAI_API_KEY"), Some("hunter2"));
//!
//! // In a timer of the host. Neither the changes nor the error hold a value.
//! match reload.poll() {
//!     Ok(None) => {}
//!     Ok(Some(changes)) => println!("reloaded: {changes:?}"),
//!     Err(error) => eprintln!("the secrets stay as they are: {error}"),
//! }
//! # std::fs::remove_dir_all(root)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! **A systemd credential.** With `LoadCredential=secrets.toml:/etc/app/secrets.toml` in the unit, systemd gives
//! the service a copy in a folder of its own. The service is told the folder by the variable
//! `CREDENTIALS_DIRECTORY`. This crate reads no variable, so the host passes the folder on. Credentials do not
//! change while the service runs.
//!
#![cfg_attr(feature = "files", doc = "```no_run")]
#![cfg_attr(not(feature = "files"), doc = "```ignore")]
//! # use secrets_toml::files::Files;
//! let folder = std::env::var_os("CREDENTIALS_DIRECTORY").ok_or("not started by systemd")?;
//! let layered = Files::new().file(std::path::Path::new(&folder).join("secrets.toml")).read()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! **The vault as a source.** [`Vault::get_newer`] returns a record only if it is newer than the revision that the
//! host has. [`Changes::between`](crate::files::Changes::between) tells what is different, and
//! [`Env::changes_since`](crate::Env::changes_since) which variables to set and unset. A running Streamlit module
//! follows with `SecretsFile::replace`:
//!
#![cfg_attr(feature = "files", doc = "```")]
#![cfg_attr(not(feature = "files"), doc = "```ignore")]
//! use secrets_toml::files::Changes;
//! use secrets_toml::seal::{Revision, Scope};
//! use secrets_toml::store::Store;
//! use secrets_toml::vault::{Newer, Vault};
//! use secrets_toml::Secrets;
//! # use secrets_toml::{Document, seal::Keyring, store::MemoryStore, vault::Expected};
//!
//! /// The secrets that a module has, and their revision.
//! struct Held {
//!     revision: Revision,
//!     secrets: Secrets,
//! }
//!
//! /// In a timer of the host.
//! fn poll<S: Store>(
//!     vault: &Vault<S>,
//!     install: &Scope,
//!     held: &mut Held,
//! ) -> Result<Option<Changes>, Box<dyn std::error::Error>> {
//!     let Newer::Opened(opened) = vault.get_newer(install, held.revision)? else {
//!         return Ok(None); // the same revision, or it was deleted: the module keeps what it has
//!     };
//!     let new = Held { revision: opened.revision(), secrets: opened.into_secrets()? };
//!     let changes = Changes::between(&held.secrets, &new.secrets);
//!     *held = new;
//!     // Deliver it: file.replace(&held.secrets.for_streamlit(&held.secrets.env()?)?)?;
//!     Ok(Some(changes))
//! }
//!
//! # let vault = Vault::new(MemoryStore::new(), Keyring::generate()?);
//! # let install = Scope::module("chat")?;
//! # let secrets = |text: &str| Document::parse(text).unwrap().validate().unwrap();
//! # let revision = vault.put(&install, &secrets("PAT = 'hunter2'\n"), Expected::Absent)?;
//! # let mut held = Held { revision, secrets: secrets("PAT = 'hunter2'\n") };
//! assert!(poll(&vault, &install, &mut held)?.is_none());
//! # vault.put(&install, &secrets("PAT = 'hunter3'\n"), Expected::Revision(revision))?;
//! let changes = poll(&vault, &install, &mut held)?.expect("somebody has written a revision");
//! assert!(changes.changed().eq(["PAT"]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! To layer both, pass the documents to [`Document::layered`](crate::Document::layered), each with a name.
//!
//! # Rotating keys
//!
//! Rotate when a key may be known to somebody, and otherwise once a year. Readers and writers keep running,
//! in this process and in others.
//!
//! ```
//! use std::ops::ControlFlow;
//!
//! use secrets_toml::vault::RotateError;
//! # use secrets_toml::{Document, seal::{Custody, Lock, Scope}, store::MemoryStore, vault::{Expected, Vault}};
//! # let kek = [7; 32];
//! # let custody = Custody::new("production")?.lock("host", Lock::raw(&kek))?;
//! # let vault = Vault::create(MemoryStore::new(), &custody)?;
//! # let secrets = Document::parse("PAT = 'hunter2'")?.validate()?;
//! # vault.put(&Scope::module("chat")?, &secrets, Expected::Absent)?;
//!
//! // The page of a long rotation shows these numbers.
//! match vault.rotate(|report| {
//!     println!("{} records", report.written() + report.kept());
//!     ControlFlow::Continue(())
//! }) {
//!     // Every key that there was before is destroyed.
//!     Ok(report) => assert_eq!(report.failed(), 0),
//!     // The old keys stay. Repair the records that the report names, and call it again.
//!     Err(RotateError::Unfinished(report)) => println!("{} records failed", report.failed()),
//!     // If the process was killed, any process may call it again: it goes on.
//!     Err(error) => return Err(error.into()),
//! }
//! # assert!(vault.get(&Scope::module("chat")?)?.is_some());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A host that keeps the keyring itself takes [more steps](crate::vault::Vault#rotating-keys-without-custody).
//!
//! # Backups
//!
//! [`Vault::export`] writes every record as it is, encrypted. [`Vault::import`] reads it into any store and keeps
//! whichever record of a scope has the higher revision. The export of a vault whose keyring is in its store has
//! that keyring in it, locked: [`Vault::import_with`](crate::vault::Vault::import_with) takes one of its locks.
//! Whoever has the export and one of the locks has the secrets.
//!
//! If the host keeps the keyring, its locked text has to be kept, too:
//!
//! ```
//! use std::io::Cursor;
//!
//! use secrets_toml::seal::Revision;
//! use secrets_toml::vault::Vault;
//! # use secrets_toml::{Document, seal::{Custody, Keyring, Lock, LockedKeyring, Scope}, store::MemoryStore, vault::Expected};
//! # let kek = [7; 32];
//! # let custody = Custody::new("production")?.lock("host", Lock::raw(&kek))?;
//! # let mut keyring = Keyring::generate()?;
//! # let text = keyring.lock(&custody)?;
//! # let vault = Vault::new(MemoryStore::new(), keyring);
//! # let chat = Scope::module("chat")?;
//! # let secrets = Document::parse("PAT = 'hunter2'")?.validate()?;
//! # vault.put(&chat, &secrets, Expected::Absent)?;
//!
//! let mut backup = Vec::new(); // or a file
//! vault.export(&mut backup)?;
//! // A list of what exists now, kept apart from the store. The number says which of your lists it is.
//! let mut manifest = Vec::new();
//! vault.manifest(Revision::FIRST, &mut manifest)?;
//!
//! // Later, on another machine.
//! let keyring = LockedKeyring::parse(&text)?.unlock(&custody)?;
//! let restored = Vault::new(MemoryStore::new(), keyring);
//! let report = restored.import(Cursor::new(backup))?;
//! assert_eq!((report.written(), report.failed()), (1, 0));
//! // No record is lost, rolled back or altered.
//! assert_eq!(restored.verify_against(Cursor::new(manifest))?.failed(), 0);
//! # assert!(restored.get(&chat)?.is_some());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A process that has seen a newer record refuses an older one. After a restore on purpose, call
//! [`Vault::accept_restore`](crate::vault::Vault::accept_restore), or start the process anew.
//!
//! # An audit log
//!
//! An [`Observer`](crate::vault::Observer) is told of each call of a vault, reads included: before the store is
//! asked, and at the end. If it refuses a call, nothing is done. So a log that cannot write stops the work.
//! An event has the operation, the scope and the ID of the key, and never a value.
//!
//! ```
//! use secrets_toml::store::Cause;
//! use secrets_toml::vault::{Event, Observer, Outcome};
//!
//! struct Audit;
//!
//! impl Observer for Audit {
//!     fn before(&self, event: &Event<'_>) -> Result<(), Cause> {
//!         let scope = event.scope().map(ToString::to_string).unwrap_or_default();
//!         log(&format!("{} {} {scope}", event.number(), event.operation()))?;
//!         Ok(())
//!     }
//!
//!     fn after(&self, event: &Event<'_>, outcome: &Outcome<'_>) {
//!         let end = outcome.end().name(); // `abandoned`: a write may have happened
//!         let _ = log(&format!("{} {end}, writes: {}", event.number(), outcome.attempts()));
//!     }
//! }
//!
//! fn log(line: &str) -> std::io::Result<()> {
//!     println!("{line}"); // or a file that only this service may append to
//!     Ok(())
//! }
//!
//! # use secrets_toml::{seal::{Keyring, Scope}, store::MemoryStore, vault::Vault};
//! # let vault = Vault::new(MemoryStore::new(), Keyring::generate()?);
//! let vault = vault.observed_by(Audit);
//! assert!(vault.get(&Scope::module("chat")?)?.is_none());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The vault does not know for which user it is called. The host knows: a `tracing` event is within the span of the
//! request. The example `observe` logs with `tracing` and counts for Prometheus.
//!
//! # Writing a store
//!
//! A store keeps bytes under bytes, and decides each write on a condition.
//!
//! 1. Read the contract at [`Store`](crate::store::Store): what a vault relies on.
//! 2. Implement its four methods. [`store::backend`](crate::store::backend) has the types, and a complete store
//!    in memory to begin with. A database does the same in one transaction for each call of `apply`.
//! 3. If a commit fails and nobody knows whether it happened, return
//!    [`StoreError::Unknown`](crate::store::StoreError::Unknown), never `Unavailable`.
//!
//! A store can also wrap another one. This one refuses writes, for the time of a migration:
//!
//! ```
//! use secrets_toml::store::backend::{Fetch, Outcome, Row, Write};
//! use secrets_toml::store::{Store, StoreError};
//!
//! struct ReadOnly<S>(S);
//!
//! impl<S: Store> Store for ReadOnly<S> {
//!     fn get(&self, scope: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
//!         self.0.get(scope)
//!     }
//!
//!     fn apply(
//!         &self,
//!         _: Option<&[u8; 32]>,
//!         _: &[Write],
//!     ) -> Result<Vec<Outcome>, StoreError> {
//!         Err(StoreError::Unavailable("the store is being migrated".into()))
//!     }
//!
//!     fn scan(
//!         &self,
//!         prefix: &[u8],
//!         after: Option<&[u8]>,
//!         limit: usize,
//!         fetch: Fetch,
//!     ) -> Result<Vec<Row>, StoreError> {
//!         self.0.scan(prefix, after, limit, fetch)
//!     }
//!
//!     fn purge(&self, _: &[u8]) -> Result<bool, StoreError> {
//!         Err(StoreError::Unavailable("the store is being migrated".into()))
//!     }
//! }
//!
//! # use secrets_toml::{Document, seal::{Keyring, Scope}, store::MemoryStore, vault::{Expected, Vault}};
//! # let chat = Scope::module("chat")?;
//! # let secrets = Document::parse("PAT = 'hunter2'")?.validate()?;
//! let vault = Vault::new(ReadOnly(MemoryStore::new()), Keyring::generate()?);
//! assert!(vault.get(&chat)?.is_none());
//! assert!(vault.put(&chat, &secrets, Expected::Absent).is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`Custody::at_least`]: crate::seal::Custody::at_least
//! [`Custody::context_bytes`]: crate::seal::Custody::context_bytes
//! [`Custody::context`]: crate::seal::Custody::context
//! [`Lock::kms`]: crate::seal::Lock::kms
//! [`Lock::raw`]: crate::seal::Lock::raw
//! [`Template::prefill`]: crate::Template::prefill
//! [`Template::validate_update`]: crate::Template::validate_update
//! [`Vault::copy`]: crate::vault::Vault::copy
//! [`Vault::export`]: crate::vault::Vault::export
//! [`Vault::get_newer`]: crate::vault::Vault::get_newer
//! [`Vault::import`]: crate::vault::Vault::import
//! [`Vault::relock`]: crate::vault::Vault::relock
//! [`Vault::rotate`]: crate::vault::Vault::rotate
