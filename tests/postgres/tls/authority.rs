//! Certificates made for the occasion.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, IsCa, Issuer,
    KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber, date_time_ymd,
};

/// A certificate and its key, in PEM.
pub(super) struct Issued {
    pub(super) certificate: String,
    pub(super) key: String,
}

impl Issued {
    /// Writes both below `folder`, the key with this mode: their paths.
    pub(super) fn write(&self, folder: &Path, name: &str, mode: u32) -> (PathBuf, PathBuf) {
        let certificate = folder.join(format!("{name}.crt"));
        let key = folder.join(format!("{name}.key"));
        fs::write(&certificate, &self.certificate).expect("the certificate is written");
        fs::write(&key, &self.key).expect("the key is written");
        fs::set_permissions(&key, fs::Permissions::from_mode(mode)).expect("its mode is set");
        (certificate, key)
    }
}

/// For how long a certificate is good.
#[derive(Clone, Copy)]
pub(super) enum Time {
    Now,
    Past,
    Future,
}

/// An authority of our own.
pub(super) struct Authority {
    /// Its certificate, in PEM.
    pub(super) certificate: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub(super) fn new(name: &str) -> Self {
        let mut parameters = CertificateParams::new(Vec::new()).expect("no names");
        parameters.distinguished_name.push(DnType::CommonName, name);
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().expect("a key");
        let certificate = parameters.self_signed(&key).expect("an authority").pem();
        Self { certificate, issuer: Issuer::new(parameters, key) }
    }

    /// A certificate for `name`, which is also its common name.
    pub(super) fn issue(&self, name: &str, time: Time, serial: u64) -> Issued {
        let mut parameters = CertificateParams::new(vec![name.to_owned()]).expect("a valid name");
        parameters.distinguished_name.push(DnType::CommonName, name);
        parameters.serial_number = Some(SerialNumber::from(serial));
        let years = match time {
            Time::Now => (2020, 2090),
            Time::Past => (2020, 2021),
            Time::Future => (2080, 2090),
        };
        parameters.not_before = date_time_ymd(years.0, 1, 1);
        parameters.not_after = date_time_ymd(years.1, 1, 1);
        let key = KeyPair::generate().expect("a key");
        let certificate = parameters.signed_by(&key, &self.issuer).expect("a certificate");
        Issued { certificate: certificate.pem(), key: key.serialize_pem() }
    }

    /// A list that revokes these serial numbers, in PEM.
    pub(super) fn revoke(&self, serials: &[u64]) -> String {
        let revoked = |serial: &u64| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: date_time_ymd(2021, 1, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2021, 1, 1),
            next_update: date_time_ymd(2090, 1, 1),
            crl_number: SerialNumber::from(1_u64),
            issuing_distribution_point: None,
            revoked_certs: serials.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        list.signed_by(&self.issuer).expect("a list").pem().expect("it is PEM")
    }
}
