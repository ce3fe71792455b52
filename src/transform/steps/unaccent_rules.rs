//! The rules of PostgreSQL's `unaccent`: which character becomes which text.
//!
//! Made from `contrib/unaccent/unaccent.rules` of PostgreSQL 15, read as its
//! server reads it (a rule is one character, blanks, and a text without blanks,
//! or nothing), grouped by the text. That file is part of PostgreSQL:
//!
//! > Portions Copyright (c) 1996-2022, PostgreSQL Global Development Group;
//! > portions Copyright (c) 1994, The Regents of the University of California.
//! > Permission to use, copy, modify, and distribute this software and its
//! > documentation for any purpose, without fee, and without a written agreement
//! > is hereby granted, provided that the above copyright notice and this
//! > paragraph and the following two paragraphs appear in all copies.
//! >
//! > IN NO EVENT SHALL THE UNIVERSITY OF CALIFORNIA BE LIABLE TO ANY PARTY FOR
//! > DIRECT, INDIRECT, SPECIAL, INCIDENTAL, OR CONSEQUENTIAL DAMAGES, INCLUDING
//! > LOST PROFITS, ARISING OUT OF THE USE OF THIS SOFTWARE AND ITS DOCUMENTATION,
//! > EVEN IF THE UNIVERSITY OF CALIFORNIA HAS BEEN ADVISED OF THE POSSIBILITY OF
//! > SUCH DAMAGE.
//! >
//! > THE UNIVERSITY OF CALIFORNIA SPECIFICALLY DISCLAIMS ANY WARRANTIES,
//! > INCLUDING, BUT NOT LIMITED TO, THE IMPLIED WARRANTIES OF MERCHANTABILITY AND
//! > FITNESS FOR A PARTICULAR PURPOSE. THE SOFTWARE PROVIDED HEREUNDER IS ON AN
//! > "AS IS" BASIS, AND THE UNIVERSITY OF CALIFORNIA HAS NO OBLIGATIONS TO PROVIDE
//! > MAINTENANCE, SUPPORT, UPDATES, ENHANCEMENTS, OR MODIFICATIONS.
//!
//! Later servers add characters and write a blank before fractions; data that
//! was cleaned by an earlier run does not change with the server.

/// Characters that vanish, as closed ranges: combining marks.
pub(super) const REMOVED: &[(char, char)] =
    &[('\u{300}', '\u{362}'), ('\u{20dd}', '\u{20e0}'), ('\u{20e2}', '\u{20e4}')];

/// Pairs of words: a text, and all characters that become it.
pub(super) const REPLACED: &str = "\
    ! ¡︕﹗！ \" ʺ“”‟″〝〞＂ # ﹟＃ $ ﹩＄ % ﹪％ & ﹠＆ ' ʹʻʼʽˈ‘’‛′＇ ( ︵﹙（ ) ︶﹚） * ×⁎﹡＊ + ˖﹢＋ , ‚、︐︑﹐﹑，､ \
    - \u{ad}˗‐‑‒–—―−︱︲﹘﹣－ . ․。︒﹒．｡ / ÷⁄∕／ 0 〇０ 1 １ 2 ２ 3 ３ 4 ４ 5 ５ 6 ６ 7 ７ 8 ８ 9 ９ : ː︓﹕： ; ︔﹔； \
    < ˂‹〈︿﹤＜ = ﹦＝ > ˃›〉﹀﹥＞ ? ¿︖﹖？ @ ﹫＠ A ÀÁÂÃÄÅĀĂĄǍǞǠǺȀȂȦȺᴀḀẠẢẤẦẨẪẬẮẰẲẴẶＡ B ƁƂɃʙᴃḂḄḆℬＢ \
    C ÇĆĈĊČƇȻᴄḈℂℭⅭꞒＣ D ÐĎĐƉƊƋᴅᴆḊḌḎḐḒⅅⅮꝹＤ E ÈÉÊËĒĔĖĘĚƐȄȆȨɆᴇḔḖḘḚḜẸẺẼẾỀỂỄỆℰＥ F ƑḞℱꜰꝻＦ \
    G ĜĞĠĢƓǤǦǴɢʛḠꞠＧ H ĤĦȞʜḢḤḦḨḪℋℍⱧꞪＨ I ÌÍÎÏĨĪĬĮİƖƗǏȈȊɪᵻḬḮỈỊℐℑⅠＩ J ĴɈᴊＪ K ĶƘǨᴋḰḲḴⱩꝀꝂꝄꞢＫ \
    L ĹĻĽĿŁȽʟᴌḶḸḺḼℒⅬⱠⱢꝆꝈＬ M ᴍḾṀṂℳⅯⱮＭ N ÑŃŅŇŊƝǸɴṄṆṈṊℕꞐꞤＮ \
    O ÒÓÔÕÖØŌŎŐƠǑǪǬȌȎȪȬȮȰᴏṌṎṐṒỌỎỐỒỔỖỘỚỜỞỠỢꝊꝌＯ P ƤᴘṔṖ℘ℙⱣꝐꝒꝔＰ Q ℚꝖꝘＱ R ŔŖŘȐȒɌʀṘṚṜṞℛℜℝⱤꝶꞦＲ \
    S ŚŜŞŠȘṠṢṤṦṨⱾꜱꞨＳ T ŢŤŦƬƮȚȾᴛṪṬṮṰꞆＴ U ÙÚÛÜŨŪŬŮŰŲƯǓǕǗǙǛȔȖɄᴜᵾṲṴṶṸṺỤỦỨỪỬỮỰＵ V ƲᴠṼṾỼⅤꝞＶ \
    W ŴᴡẀẂẄẆẈⱲＷ X ẊẌⅩＸ Y ÝŶŸƳȲɎʏẎỲỴỶỸỾＹ Z ŹŻŽƵȤᴢẐẒẔℤℨⱫⱿＺ [ ⁅〔〘〚︹﹇﹝［ \\ ∖﹨＼ ] ⁆〕〙〛︺﹈﹞］ ^ ˄ˆ＾ \
    _ ＿ ` ˋ｀ a àáâãäåāăąǎǟǡǻȁȃȧᶏḁẚạảấầẩẫậắằẳẵặⱥａ b ƀƃɓᵬᶀḃḅḇｂ c çćĉċčƈȼɕḉⅽꞓｃ \
    d ðďđƌȡɖɗᵭᶁᶑḋḍḏḑḓⅆⅾꝱꝺｄ e èéêëēĕėęěȅȇȩɇɛᶒᶓḕḗḙḛḝẹẻẽếềểễệℯⅇⱸｅ f ƒᵮᶂḟꝼｆ g ĝğġģǥǧǵɠɡᶃḡℊꞡｇ \
    h ĥħȟɦɧḣḥḧḩḫẖℎⱨｈ i ìíîïĩīĭįıǐȉȋɨᶖḭḯỉịℹⅈⅰｉ j ĵǰȷɉɟʝⅉｊ k ķƙǩᶄḱḳḵⱪꝁꝃꝅꞣｋ \
    l ĺļľŀłƚȴɫɬɭᶅḷḹḻḽℓⅼⱡꝇꝉꝲｌ m ɱᵯᶆḿṁṃⅿꝳｍ n ñńņňŋƞǹȵɲɳᵰᶇṅṇṉṋꝴꞑꞥｎ \
    o òóôõöøōŏőơǒǫǭȍȏȫȭȯȱṍṏṑṓọỏốồổỗộớờởỡợℴⱺꝋꝍｏ p ƥᵱᵽᶈṕṗꝑꝓꝕｐ q ĸʠꝗꝙｑ r ŕŗřȑȓɍɼɽɾᵲᵳᶉṙṛṝṟꝵꞧｒ \
    s śŝşšſșȿʂᵴᶊṡṣṥṧṩẜẝꞩｓ t ţťŧƫƭțȶʈᵵṫṭṯṱẗⱦꝷꞇｔ u ùúûüũūŭůűųưǔǖǘǚǜȕȗʉᶙṳṵṷṹṻụủứừửữựｕ \
    v ʋᶌṽṿỽⅴⱱⱴꝟｖ w ŵẁẃẅẇẉẘⱳｗ x ᶍẋẍℌⅹｘ y ýÿŷƴȳɏẏẙỳỵỷỹỿｙ z źżžƶȥɀʐʑᵶᶎẑẓẕⱬｚ { ︷﹛｛ | ∣｜ } ︸﹜｝ \
    ~ ˜～ Α ΆἈἉἊἋἌἍἎἏᾈᾉᾊᾋᾌᾍᾎᾏᾸᾹᾺᾼ Ε ΈἘἙἚἛἜἝῈ Η ΉἨἩἪἫἬἭἮἯᾘᾙᾚᾛᾜᾝᾞᾟῊῌ Ι ΊΪἸἹἺἻἼἽἾἿῘῙῚ Ο ΌὈὉὊὋὌὍῸ \
    Ρ Ῥ Υ ΎΫὙὛὝὟῨῩῪ Ω ΏὨὩὪὫὬὭὮὯᾨᾩᾪᾫᾬᾭᾮᾯῺῼ α άἀἁἂἃἄἅἆἇὰᾀᾁᾂᾃᾄᾅᾆᾇᾰᾱᾲᾳᾴᾶᾷ ε έἐἑἒἓἔἕὲ \
    η ήἠἡἢἣἤἥἦἧὴᾐᾑᾒᾓᾔᾕᾖᾗῂῃῄῆῇ ι ΐίϊἰἱἲἳἴἵἶἷὶῐῑῒῖῗ ο όὀὁὂὃὄὅὸ ρ ῤῥ υ ΰϋύὐὑὒὓὔὕὖὗὺῠῡῢῦῧ \
    ω ώὠὡὢὣὤὥὦὧὼᾠᾡᾢᾣᾤᾥᾦᾧῲῳῴῶῷ Е Ё е ё !! ‼ !? ⁉ 'n ŉ (( ⦅｟ )) ⦆｠ ,, „ -> ￫ .. ‥︰ 0, 🄁 0. 🄀 \
    1, 🄂 1. ⒈ 1/ ⅟ 2, 🄃 2. ⒉ 3, 🄄 3. ⒊ 4, 🄅 4. ⒋ 5, 🄆 5. ⒌ 6, 🄇 6. ⒍ 7, 🄈 7. ⒎ 8, 🄉 8. ⒏ \
    9, 🄊 9. ⒐ <- ￩ << «≪《︽ == ⩵ >> »≫》︾ ?! ⁈ ?? ⁇ AA Ꜳ AE Æᴁ AO Ꜵ AU ㍳Ꜷ AV ꜸꜺ AY Ꜽ Bq ㏃ CE ₠ \
    Cr ₢ DZ ǄǱ Dz ǅǲ GB ㎇ Gy ㏉ HP ㏋ Hz ㎐ II Ⅱ IJ Ĳ IU ㍺ IV Ⅳ IX Ⅸ KB ㎅ KK ㏍ KM ㏎ L. ₤ LJ Ǉ \
    LL Ỻ Lj ǈ MB ㎆ MV ㎹ MW ㎿ NJ Ǌ Nj ǋ No № OE Œɶ OI Ƣ OO Ꝏ PR ㏚ Pa ㎩ Rs ₹ Rx ℞ SS ẞ Sv ㏜ \
    TH ÞꝤꝦ TL ₺ VI Ⅵ VY Ꝡ Wb ㏝ XI Ⅺ aa ꜳ ae æ ao ꜵ au ꜷ av ꜹꜻ ay ꜽ cc ㏄ cd ㏅ cm ㎝ dB ㏈ da ㍲ \
    db ȸ dm ㍷ dz ǆǳʣʥ ff ﬀ fi ﬁ fl ﬂ fm ㎙ ha ㏊ hv ƕ ii ⅱ ij ĳ in ㏌ iv ⅳ ix ⅸ kA ㎄ kV ㎸ kW ㎾ \
    kg ㎏ km ㎞ kt ㏏ lj ǉ ll ỻ lm ㏐ ln ㏑ ls ʪ lx ㏓ lz ʫ mA ㎃ mV ㎷ mW ㎽ mb ㏔ mg ㎎ mm ㎜ ms ㎳ \
    nA ㎁ nF ㎋ nV ㎵ nW ㎻ nj ǌ nm ㎚ ns ㎱ oV ㍵ oe œ oi ƣ oo ꝏ pA ㎀ pF ㎊ pH ㏗ pV ㎴ pW ㎺ pc ㍶ \
    ps ㎰ qp ȹ sr ㏛ ss ß st ﬅﬆ th þᵺꝥꝧ ts ʦ ue ᵫ vi ⅵ vy ꝡ xi ⅺ || ‖∥ °C ℃ °F ℉ (1) ⑴ (2) ⑵ \
    (3) ⑶ (4) ⑷ (5) ⑸ (6) ⑹ (7) ⑺ (8) ⑻ (9) ⑼ (A) 🄐 (B) 🄑 (C) ©🄒 (D) 🄓 (E) 🄔 (F) 🄕 (G) 🄖 \
    (H) 🄗 (I) 🄘 (J) 🄙 (K) 🄚 (L) 🄛 (M) 🄜 (N) 🄝 (O) 🄞 (P) ℗🄟 (Q) 🄠 (R) ®🄡 (S) 🄢 (T) 🄣 (U) 🄤 \
    (V) 🄥 (W) 🄦 (X) 🄧 (Y) 🄨 (Z) 🄩 (a) ⒜ (b) ⒝ (c) ⒞ (d) ⒟ (e) ⒠ (f) ⒡ (g) ⒢ (h) ⒣ (i) ⒤ \
    (j) ⒥ (k) ⒦ (l) ⒧ (m) ⒨ (n) ⒩ (o) ⒪ (p) ⒫ (q) ⒬ (r) ⒭ (s) ⒮ (t) ⒯ (u) ⒰ (v) ⒱ (w) ⒲ \
    (x) ⒳ (y) ⒴ (z) ⒵ +/- ± ... …︙ 0/3 ↉ 1/2 ½ 1/3 ⅓ 1/4 ¼ 1/5 ⅕ 1/6 ⅙ 1/7 ⅐ 1/8 ⅛ 1/9 ⅑ \
    10. ⒑ 11. ⒒ 12. ⒓ 13. ⒔ 14. ⒕ 15. ⒖ 16. ⒗ 17. ⒘ 18. ⒙ 19. ⒚ 2/3 ⅔ 2/5 ⅖ 20. ⒛ 3/4 ¾ \
    3/5 ⅗ 3/8 ⅜ 4/5 ⅘ 5/6 ⅚ 5/8 ⅝ 7/8 ⅞ ::= ⩴ === ⩶ A/m ㏟ Co. ㏇ FAX ℻ Fr. ₣ GHz ㎓ GPa ㎬ \
    III Ⅲ MHz ㎒ MPa ㎫ PPM ㏙ Pts ₧ TEL ℡ THz ㎔ V/m ㏞ VII Ⅶ XII Ⅻ a/c ℀ a/s ℁ bar ㍴ c/o ℅ \
    c/u ℆ cal ㎈ ffi ﬃ ffl ﬄ hPa ㍱ iii ⅲ kHz ㎑ kPa ㎪ log ㏒ m/s ㎧ mil ㏕ mol ㏖ rad ㎭ vii ⅶ \
    xii ⅻ (10) ⑽ (11) ⑾ (12) ⑿ (13) ⒀ (14) ⒁ (15) ⒂ (16) ⒃ (17) ⒄ (18) ⒅ (19) ⒆ (20) ⒇ \
    1/10 ⅒ C/kg ㏆ VIII Ⅷ a.m. ㏂ kcal ㎉ p.m. ㏘ viii ⅷ rad/s ㎮";
