//! `headgate enroll`: this appliance's keys, made by the programs that own them.

use std::path::Path;

use headgate_service::config;
use headgate_service::credential::{
    AUTHORITY, MASTER_KEY, RECEIPT_KEY, SEAL_KEY, UPLINK_CERTIFICATE, UPLINK_KEY, UPLINK_REQUEST,
};

use crate::error::CliError;
use crate::programs::Programs;
use crate::show;

/// Makes the store's master key and the uplink's key and certificate request; what is already there
/// stays. Says what to do next.
pub(crate) fn enroll(config_file: &Path) -> Result<(), CliError> {
    let settings = config::load(config_file)?;
    let programs = Programs::find()?;
    let directory = &settings.credentials.directory;
    if !directory.join(MASTER_KEY).exists() {
        programs.run("headgate-store", &["init", "--config"], Some(config_file))?;
    }
    if !directory.join(UPLINK_KEY).exists() {
        programs.run("headgate-uplink", &["request", "--config"], Some(config_file))?;
    }
    let directory = directory.display();
    show::line(&format!(
        "Keys are in {directory}. Next:\n\
         1. Give {directory}/{UPLINK_REQUEST} to whoever runs the receiver; the key itself stays here.\n\
         2. Put what comes back there: {UPLINK_CERTIFICATE}, {AUTHORITY}, {RECEIPT_KEY} and {SEAL_KEY}.\n\
         3. Under [uplink] in {} name the receiver, or set bundles = true for carried media; then: systemctl restart headgate",
        config_file.display(),
    ))
}
