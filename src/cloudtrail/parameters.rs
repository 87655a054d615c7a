//! What records show of a KMS call's parameters, as the examples of the KMS Developer Guide have them
//! (logging-using-cloudtrail, 2026).

use crate::access::arn::Arn;
use crate::catalog::{KeySpec, KmsOperation};
use serde_json::{Value, json};

/// `requestParameters` of a call that was not throttled. `key_id`: the key as the caller names it. `spec`: its kind, or
/// that of the data key pair that the call makes.
pub(super) fn parameters(
    operation: KmsOperation,
    (key_id, spec): (String, KeySpec),
    encryption_context: Option<Value>,
) -> Value {
    use KmsOperation as K;
    if !operation.is_on_key() {
        return Value::Null;
    }
    let mut parameters = match operation {
        // A symmetric ciphertext itself says which key it is under.
        K::Decrypt if spec == KeySpec::SymmetricDefault => {
            json!({"encryptionAlgorithm": encryption_algorithm(spec)})
        }
        K::Encrypt | K::Decrypt => {
            json!({"encryptionAlgorithm": encryption_algorithm(spec), "keyId": key_id})
        }
        K::ReEncrypt => json!({
            "sourceEncryptionAlgorithm": encryption_algorithm(spec),
            "destinationKeyId": key_id,
            "destinationEncryptionAlgorithm": encryption_algorithm(spec),
        }),
        K::GenerateDataKey | K::GenerateDataKeyWithoutPlaintext => {
            json!({"keySpec": "AES_256", "keyId": key_id})
        }
        K::GenerateDataKeyPair | K::GenerateDataKeyPairWithoutPlaintext => {
            json!({"keyPairSpec": spec.name(), "keyId": key_id})
        }
        K::GenerateMac | K::VerifyMac => {
            json!({"macAlgorithm": mac_algorithm(spec), "keyId": key_id})
        }
        K::Sign | K::Verify => json!({
            "messageType": "RAW",
            "keyId": key_id,
            "signingAlgorithm": signing_algorithm(spec),
        }),
        K::DeriveSharedSecret => json!({"keyAgreementAlgorithm": "ECDH", "keyId": key_id}),
        _ => json!({"keyId": key_id}),
    };
    if let Some(context) = encryption_context {
        if operation == K::ReEncrypt {
            parameters["sourceEncryptionContext"] = context.clone();
            parameters["destinationEncryptionContext"] = context;
        } else {
            parameters["encryptionContext"] = context;
        }
    }
    parameters
}

/// `resources` of a call that was not throttled: the keys, none where the operation is on no key.
pub(super) fn resources(operation: KmsOperation, key: &Arn) -> Value {
    let keys = match operation {
        // The source's key and the destination's.
        KmsOperation::ReEncrypt => 2,
        operation => usize::from(operation.is_on_key()),
    };
    let of_key = json!({"accountId": key.account, "type": "AWS::KMS::Key", "ARN": key.to_string()});
    Value::Array(vec![of_key; keys])
}

/// An algorithm that a key of the spec encrypts with.
fn encryption_algorithm(spec: KeySpec) -> &'static str {
    use KeySpec as S;
    match spec {
        S::Rsa2048 | S::Rsa3072 | S::Rsa4096 => "RSAES_OAEP_SHA_256",
        S::Sm2 => "SM2PKE",
        _ => S::SymmetricDefault.name(),
    }
}

/// The algorithm of an HMAC key.
fn mac_algorithm(spec: KeySpec) -> &'static str {
    match spec {
        KeySpec::Hmac224 => "HMAC_SHA_224",
        KeySpec::Hmac384 => "HMAC_SHA_384",
        KeySpec::Hmac512 => "HMAC_SHA_512",
        _ => "HMAC_SHA_256",
    }
}

/// An algorithm that a key of the spec signs with.
fn signing_algorithm(spec: KeySpec) -> &'static str {
    use KeySpec as S;
    match spec {
        S::EccNistP384 => "ECDSA_SHA_384",
        S::EccNistP521 => "ECDSA_SHA_512",
        S::EccNistP256 | S::EccSecgP256k1 => "ECDSA_SHA_256",
        S::EccNistEdwards25519 => "ED25519_SHA_512",
        S::MlDsa44 | S::MlDsa65 | S::MlDsa87 => "ML_DSA_SHAKE_256",
        S::Sm2 => "SM2DSA",
        _ => "RSASSA_PKCS1_V1_5_SHA_256",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(operation: KmsOperation, spec: KeySpec, context: Option<Value>) -> (Value, Value) {
        let key: Arn = "arn:aws:kms:us-west-2:111122223333:key/k"
            .parse()
            .expect("an ARN");
        let resources = resources(operation, &key);
        let of_key = (key.to_string(), spec);
        (parameters(operation, of_key, context), resources)
    }

    /// The examples of the KMS Developer Guide, with another key.
    #[test]
    fn as_the_guide_shows_them() {
        use KmsOperation as K;
        let key = "arn:aws:kms:us-west-2:111122223333:key/k";
        let resource = json!({"accountId": "111122223333", "type": "AWS::KMS::Key", "ARN": key});
        let symmetric = KeySpec::SymmetricDefault;
        for operation in [K::GenerateRandom, K::ListKeys, K::ListAliases] {
            assert_eq!(of(operation, symmetric, None), (Value::Null, json!([])));
        }
        let context = json!({"Project": "Alpha", "Department": "Engineering"});
        let (found, resources) = of(K::ReEncrypt, symmetric, Some(context.clone()));
        let expected = json!({
            "sourceEncryptionAlgorithm": "SYMMETRIC_DEFAULT",
            "sourceEncryptionContext": context,
            "destinationKeyId": key,
            "destinationEncryptionAlgorithm": "SYMMETRIC_DEFAULT",
            "destinationEncryptionContext": context,
        });
        assert_eq!((found, resources), (expected, json!([resource, resource])));
        for (operation, spec, expected) in [
            (
                K::GenerateDataKey,
                symmetric,
                json!({"keySpec": "AES_256", "keyId": key}),
            ),
            (
                K::Decrypt,
                symmetric,
                json!({"encryptionAlgorithm": "SYMMETRIC_DEFAULT"}),
            ),
            (
                K::Decrypt,
                KeySpec::Rsa2048,
                json!({"encryptionAlgorithm": "RSAES_OAEP_SHA_256", "keyId": key}),
            ),
            (
                K::Encrypt,
                symmetric,
                json!({"encryptionAlgorithm": "SYMMETRIC_DEFAULT", "keyId": key}),
            ),
            (
                K::GenerateMac,
                KeySpec::Hmac512,
                json!({"macAlgorithm": "HMAC_SHA_512", "keyId": key}),
            ),
            (
                K::Sign,
                KeySpec::Rsa2048,
                json!({"messageType": "RAW", "keyId": key, "signingAlgorithm": "RSASSA_PKCS1_V1_5_SHA_256"}),
            ),
            (K::DescribeKey, symmetric, json!({"keyId": key})),
        ] {
            assert_eq!(
                of(operation, spec, None),
                (expected, json!([resource])),
                "{operation}"
            );
        }
    }
}
