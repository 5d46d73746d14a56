//! Ed25519: signatures of RFC 8032, and what strict verification refuses.

use super::{array, hex};
use crate::Provider;

/// RFC 8032, section 7.1: name, seed, public key, message, signature.
const SIGNATURES: [[&str; 5]; 5] = [
    [
        "TEST 1",
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ],
    [
        "TEST 2",
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ],
    [
        "TEST 3",
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ],
    [
        "TEST 1024",
        "f5e5767cf153319517630f226876b86c8160cc583bc013744c6bf255f5cc0ee5",
        "278117fc144c72340f67d0f2316e8386ceffbf2b2428c9c51fef7c597f1d426e",
        "08b8b2b733424243760fe426a4b54908632110a66c2f6591eabd3345e3e4eb98fa6e264bf09efe12ee50f8f54e9f77b1e355\
         f6c50544e23fb1433ddf73be84d879de7c0046dc4996d9e773f4bc9efe5738829adb26c81b37c93a1b270b20329d658675fc\
         6ea534e0810a4432826bf58c941efb65d57a338bbd2e26640f89ffbc1a858efcb8550ee3a5e1998bd177e93a7363c344fe6b\
         199ee5d02e82d522c4feba15452f80288a821a579116ec6dad2b3b310da903401aa62100ab5d1a36553e06203b33890cc9b8\
         32f79ef80560ccb9a39ce767967ed628c6ad573cb116dbefefd75499da96bd68a8a97b928a8bbc103b6621fcde2beca1231d\
         206be6cd9ec7aff6f6c94fcd7204ed3455c68c83f4a41da4af2b74ef5c53f1d8ac70bdcb7ed185ce81bd84359d44254d9562\
         9e9855a94a7c1958d1f8ada5d0532ed8a5aa3fb2d17ba70eb6248e594e1a2297acbbb39d502f1a8c6eb6f1ce22b3de1a1f40\
         cc24554119a831a9aad6079cad88425de6bde1a9187ebb6092cf67bf2b13fd65f27088d78b7e883c8759d2c4f5c65adb7553\
         878ad575f9fad878e80a0c9ba63bcbcc2732e69485bbc9c90bfbd62481d9089beccf80cfe2df16a2cf65bd92dd597b0707e0\
         917af48bbb75fed413d238f5555a7a569d80c3414a8d0859dc65a46128bab27af87a71314f318c782b23ebfe808b82b0ce26\
         401d2e22f04d83d1255dc51addd3b75a2b1ae0784504df543af8969be3ea7082ff7fc9888c144da2af58429ec96031dbcad3\
         dad9af0dcbaaaf268cb8fcffead94f3c7ca495e056a9b47acdb751fb73e666c6c655ade8297297d07ad1ba5e43f1bca32301\
         651339e22904cc8c42f58c30c04aafdb038dda0847dd988dcda6f3bfd15c4b4c4525004aa06eeff8ca61783aacec57fb3d1f\
         92b0fe2fd1a85f6724517b65e614ad6808d6f6ee34dff7310fdc82aebfd904b01e1dc54b2927094b2db68d6f903b68401ade\
         bf5a7e08d78ff4ef5d63653a65040cf9bfd4aca7984a74d37145986780fc0b16ac451649de6188a7dbdf191f64b5fc5e2ab4\
         7b57f7f7276cd419c17a3ca8e1b939ae49e488acba6b965610b5480109c8b17b80e1b7b750dfc7598d5d5011fd2dcc5600a3\
         2ef5b52a1ecc820e308aa342721aac0943bf6686b64b2579376504ccc493d97e6aed3fb0f9cd71a43dd497f01f17c0e2cb37\
         97aa2a2f256656168e6c496afc5fb93246f6b1116398a346f1a641f3b041e989f7914f90cc2c7fff357876e506b50d334ba7\
         7c225bc307ba537152f3f1610e4eafe595f6d9d90d11faa933a15ef1369546868a7f3a45a96768d40fd9d03412c091c6315c\
         f4fde7cb68606937380db2eaaa707b4c4185c32eddcdd306705e4dc1ffc872eeee475a64dfac86aba41c0618983f8741c5ef\
         68d3a101e8a3b8cac60c905c15fc910840b94c00a0b9d0",
        "0aab4c900501b3e24d7cdf4663326a3a87df5e4843b2cbdb67cbf6e460fec350aa5371b1508f9f4528ecea23c436d94b5e8fcd4f681e30a6ac00a9704a188a03",
    ],
    [
        "TEST SHA(abc)",
        "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704",
    ],
];

/// WCMP, after the cases of Chalkias, Garillot and Nikolaenko, "Taming the many
/// EdDSAs", and of the set ed25519 of C2SP/CCTV: whether strict verification
/// accepts, what the case is, message, public key, signature.
///
/// The refused ones satisfy the verification equation (where the name says so:
/// times the cofactor) under a reader that reduces what is not canonical, so only
/// the check that the name tells refuses them. A key or an R of mixed order is not
/// of small order: it is accepted where the equation holds as it stands.
const STRICT: [(bool, &str, &str, &str, &str); 22] = [
    (
        false,
        "A and R the identity, S zero",
        "any",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "01000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000",
    ),
    (
        false,
        "A of order 2",
        "message 1",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "86bc2ab448106a45adbbef25a5f44606dedd38d9bc8895727383eed6e3dd73139d805e6425436769fedddfaf72bd8d39d7a55eb463b000a3f2b2147911b4cf06",
    ),
    (
        false,
        "A of order 4",
        "message 0",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "86bc2ab448106a45adbbef25a5f44606dedd38d9bc8895727383eed6e3dd73139d805e6425436769fedddfaf72bd8d39d7a55eb463b000a3f2b2147911b4cf06",
    ),
    (
        false,
        "A of order 8",
        "message 21",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "86bc2ab448106a45adbbef25a5f44606dedd38d9bc8895727383eed6e3dd73139d805e6425436769fedddfaf72bd8d39d7a55eb463b000a3f2b2147911b4cf06",
    ),
    (
        false,
        "A of order 1",
        "any",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "86bc2ab448106a45adbbef25a5f44606dedd38d9bc8895727383eed6e3dd73139d805e6425436769fedddfaf72bd8d39d7a55eb463b000a3f2b2147911b4cf06",
    ),
    (
        false,
        "A of order 1, y not reduced",
        "any",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "86bc2ab448106a45adbbef25a5f44606dedd38d9bc8895727383eed6e3dd73139d805e6425436769fedddfaf72bd8d39d7a55eb463b000a3f2b2147911b4cf06",
    ),
    (
        false,
        "A of order 1, sign of x = 0 set",
        "any",
        "0100000000000000000000000000000000000000000000000000000000000080",
        "86bc2ab448106a45adbbef25a5f44606dedd38d9bc8895727383eed6e3dd73139d805e6425436769fedddfaf72bd8d39d7a55eb463b000a3f2b2147911b4cf06",
    ),
    (
        false,
        "A of order 2, sign of x = 0 set",
        "message 0",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "86bc2ab448106a45adbbef25a5f44606dedd38d9bc8895727383eed6e3dd73139d805e6425436769fedddfaf72bd8d39d7a55eb463b000a3f2b2147911b4cf06",
    ),
    (
        false,
        "A of order 4, y not reduced",
        "message 3",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "86bc2ab448106a45adbbef25a5f44606dedd38d9bc8895727383eed6e3dd73139d805e6425436769fedddfaf72bd8d39d7a55eb463b000a3f2b2147911b4cf06",
    ),
    (
        false,
        "R of order 1",
        "any",
        "dacdbe2aa6391abb2e7536001502ede20d3a8a24bad7bf58d173ef79e4817360",
        "010000000000000000000000000000000000000000000000000000000000000065c77787185cd2c8f969281491fa1fd195fcf9e0cf9d42f02649ce2e72329907",
    ),
    (
        false,
        "R of order 1, y not reduced",
        "any",
        "dacdbe2aa6391abb2e7536001502ede20d3a8a24bad7bf58d173ef79e4817360",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7ff834827d609e88bd1c43bfad4ff411b790a776354d141ce9c36cbe2baaef2d06",
    ),
    (
        false,
        "R of order 1, sign of x = 0 set",
        "any",
        "dacdbe2aa6391abb2e7536001502ede20d3a8a24bad7bf58d173ef79e4817360",
        "0100000000000000000000000000000000000000000000000000000000000080664529a04a8c928fb39f1c65cc491db0cbc6184d706ec46ef29cd1373b658800",
    ),
    (
        false,
        "R of order 2, A of mixed order",
        "message 2",
        "9b94a02a4377cea7857c07473ed4c2a94931a24d6129fb3a334ee961cc09c634",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f751140db897ab337ebc7ee632e4bc9e35a01e951664b96f6eb86b7758be4390d",
    ),
    (
        false,
        "R of order 4, A of mixed order",
        "message 1",
        "9b94a02a4377cea7857c07473ed4c2a94931a24d6129fb3a334ee961cc09c634",
        "0000000000000000000000000000000000000000000000000000000000000080f2964b45cd524bcb18dd0f9251264079120c60d5532a886f3e1f37547b7d3d0a",
    ),
    (
        false,
        "R of order 8, A of mixed order",
        "message 9",
        "9b94a02a4377cea7857c07473ed4c2a94931a24d6129fb3a334ee961cc09c634",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a01cf6c497083ef242c908f7d0154dfba2e9a06f605cc158449f359734859f30d",
    ),
    (
        true,
        "an honest signature",
        "any",
        "dacdbe2aa6391abb2e7536001502ede20d3a8a24bad7bf58d173ef79e4817360",
        "86bc2ab448106a45adbbef25a5f44606dedd38d9bc8895727383eed6e3dd731398d933818a787edc4ede88ef836d17864d9804ca1fdf5438e265849b1f9a5b04",
    ),
    (
        false,
        "S + L",
        "any",
        "dacdbe2aa6391abb2e7536001502ede20d3a8a24bad7bf58d173ef79e4817360",
        "86bc2ab448106a45adbbef25a5f44606dedd38d9bc8895727383eed6e3dd731385ad29dea4db9034257b80926267f69a4d9804ca1fdf5438e265849b1f9a5b14",
    ),
    (
        false,
        "S + 15 L",
        "any",
        "dacdbe2aa6391abb2e7536001502ede20d3a8a24bad7bf58d173ef79e4817360",
        "86bc2ab448106a45adbbef25a5f44606dedd38d9bc8895727383eed6e3dd73137b449bf315479205de0e0b7c8f1128bf4e9804ca1fdf5438e265849b1f9a5bf4",
    ),
    (
        true,
        "A of mixed order, the equation holds",
        "message 4",
        "9b94a02a4377cea7857c07473ed4c2a94931a24d6129fb3a334ee961cc09c634",
        "86bc2ab448106a45adbbef25a5f44606dedd38d9bc8895727383eed6e3dd7313f34a88d33a66dfeef0bbb00c4afcec31de7d61f102a9a747239f806bd7c6ca02",
    ),
    (
        false,
        "A of mixed order, the equation holds times 8 only",
        "message 15",
        "9b94a02a4377cea7857c07473ed4c2a94931a24d6129fb3a334ee961cc09c634",
        "86bc2ab448106a45adbbef25a5f44606dedd38d9bc8895727383eed6e3dd731324c0e16902fccfc16ef8b170b21814ef0921e1678d26851a766aa7b4b5c56a0c",
    ),
    (
        true,
        "A and R of mixed order, the equation holds",
        "message 8",
        "9b94a02a4377cea7857c07473ed4c2a94931a24d6129fb3a334ee961cc09c634",
        "4a63b53301d7ab13030f5205f10969da4a40394151c4f923be13a0f58782aca973d79a09ea2c7c3635a7d286a75e41c4ea28b4e0924626f7b426bc90109bde0f",
    ),
    (
        false,
        "R of mixed order, the equation holds times 8 only",
        "any",
        "dacdbe2aa6391abb2e7536001502ede20d3a8a24bad7bf58d173ef79e4817360",
        "4a63b53301d7ab13030f5205f10969da4a40394151c4f923be13a0f58782aca92302703998ea9048db1f02a92451a4c995e44d4e9f5e35b7486b03590990c508",
    ),
];

pub(super) fn check(provider: &Provider) {
    let (name, ed25519) = (provider.name, provider.ed25519);

    for [test, seed, public, message, signature] in SIGNATURES {
        let (seed, message) = (array(seed), hex(message));
        let (public, signature) = (array(public), array(signature));
        assert_eq!(
            ed25519.public(&seed),
            public,
            "{name}: Ed25519 public key, RFC 8032 {test}"
        );
        assert_eq!(
            ed25519.sign(&seed, &message),
            signature,
            "{name}: Ed25519 signature, RFC 8032 {test}"
        );
        let verifies = |public: &[u8; 32], message: &[u8], signature: &[u8; 64]| {
            ed25519.verify_strict(public, message, signature).is_ok()
        };
        assert!(
            verifies(&public, &message, &signature),
            "{name}: verifies RFC 8032 {test}"
        );

        let mut longer = message.clone();
        longer.push(0);
        assert!(
            !verifies(&public, &longer, &signature),
            "{name}: another message, RFC 8032 {test}"
        );
        for bit in 0..512 {
            let mut changed = signature;
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(
                !verifies(&public, &message, &changed),
                "{name}: signature bit {bit}, RFC 8032 {test}"
            );
        }
        for bit in 0..256 {
            let mut changed = public;
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(
                !verifies(&changed, &message, &signature),
                "{name}: key bit {bit}, RFC 8032 {test}"
            );
        }
    }

    for (accepted, case, message, public, signature) in STRICT {
        let verified = ed25519.verify_strict(&array(public), message.as_bytes(), &array(signature));
        assert_eq!(
            verified.is_ok(),
            accepted,
            "{name}: Ed25519 verifies strictly: {case}"
        );
    }
}
