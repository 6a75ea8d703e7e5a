//! The operator's commands about appliances that are trusted, or no longer.

use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use headgate_record::batch::digest;
use headgate_record::enrolment::Token;

use crate::trust::{Offer, Trust};
use crate::{Config, Error, tls};

/// Makes a token with which `appliance` may enroll once, within `hours`, at `address`: without one at the first name of the
/// receiver's certificate, where `[enrolment] listen` says.
///
/// # Errors
/// [`Error::Token`] when there would be nobody to answer; those of the certificates' files and of the database.
pub fn token(config: &Config, appliance: &str, address: Option<&str>, hours: u32) -> Result<Token, Error> {
    let unusable = || Error::Credential { file: config.certificate.clone(), what: "certificate" };
    let own = tls::certificates(&config.certificate)?;
    let own = own.first().ok_or_else(unusable)?;
    let (_, parsed) = X509Certificate::from_der(own).map_err(|_| unusable())?;
    let address = match (address, config.enroll_listen) {
        (Some(address), _) => address.to_owned(),
        (None, None) => {
            return Err(Error::Token(
                "[enrolment] listen is not set, and nobody would answer; set it and restart, or say --address",
            ));
        }
        (None, Some(listen)) => {
            let name =
                first_name(&parsed).ok_or(Error::Token("the certificate has no name; say --address"))?;
            format!("{name}:{}", listen.port())
        }
    };
    // Whose certificate it is that signed ours: the file may hold that of before, too.
    let authorities = tls::certificates(&config.authority)?;
    let issuer = authorities.iter().find(|der| {
        X509Certificate::from_der(der).is_ok_and(|(_, authority)| authority.subject() == parsed.issuer())
    });
    let issuer = issuer.ok_or(Error::Token("the receiver's certificate is not of [clients] authority"))?;
    let region = tls::regions(own).into_iter().next().unwrap_or_default();
    let seconds = u64::from(hours).saturating_mul(3_600);
    let offer =
        Offer { address, authority: digest(issuer), appliance: appliance.to_owned(), region, seconds };
    Trust::at_once(config, async |trust| trust.offer(offer).await)
}

/// Revokes every secret that an appliance has.
///
/// # Errors
/// [`Error::Database`], [`Error::Cluster`].
pub fn revoke(config: &Config, appliance: &str) -> Result<(), Error> {
    Trust::at_once(config, async |trust| trust.revoke(appliance).await)
}

fn first_name(certificate: &X509Certificate<'_>) -> Option<String> {
    let names = certificate.subject_alternative_name().ok()??;
    names.value.general_names.iter().find_map(|name| match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(octets) => {
            let v4 =
                <[u8; 4]>::try_from(*octets).ok().map(|octets| std::net::Ipv4Addr::from(octets).to_string());
            let v6 = <[u8; 16]>::try_from(*octets).ok().map(|o| format!("[{}]", std::net::Ipv6Addr::from(o)));
            v4.or(v6)
        }
        _ => None,
    })
}
