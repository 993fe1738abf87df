-- The texts for search were folded by an older rule: what the new one adds, to each of name, kana and letters.
-- Banks are found by their formal names (信用金庫), kanji by their other forms (髙, 澤), ガ and ケ before a kanji alike.

CREATE FUNCTION zengin.folded_further(part text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    part := translate(
        part,
        '○◯' || '乘亂亞佛來倂假傳僞價儉兒兩剩劍劑勞勳勵勸區卷卽參單嚴囑圈國圍圓圖團增墮壓壘壞壤壯壹壽奧奬孃學寢實寫寬寶將專對屆屬峽嶽巢帶廢廣廳彈彌徑從徵德恆惠惡惱愼慘應懷戀戰戲戾拂拔拜挾插揭搖搜擇'
        || '擊擔據擧擴攝收效敍敕數斷晚晝曆曉曾會條棧榮槪樂樓樞樣橫檢櫻權歐歡步歷歸殘殼毆每氣涉淚淨淺渴溪溫滯滿潛澁澤濕濟濱瀧瀨灣燈燒營爐爭爲犧狀狹獨獵獸獻甁畫當疊癡發盜盡眞硏碎祕禪禮稱稻穗穩竊'
        || '竝粹絲經綠緖緣縣縱總繩繪繼續纖缺罐聲聽肅腦膽臟臺與舊艷莊莖萬薰藏藝藥處虛號螢蟲蠶蠻衞裝襃覺覽觀觸謠證譯譽讀變讓豐豫貳賣賴贊踐輕轉辭遞遲邊郞鄕醉醫釀釋錄錢鍊鎭鐵鑄鑛關陷隨險隱雙雜霸靈'
        || '靜顯飜餘騷驅驗驛髓體髮鬭鷄鹽麥麵黃黑默點黨齊齋齒齡龍亘冨凉凜埜尭峯嶋巌晃桧盃祢祷禄穣萌薗駈髙﨑嵜邉濵嶌諌渕竃篭鴎薮礪頚讚鰺舘槗剱劔祗蕋蘂栁瑤戶淸靑敎稅銳吳屛躰柗桒圡逹梼掴填剥頬繋噛'
        || '溌焔莱蝋顛騨箪醤麹鹸侠倶',
        '〇〇' || '乗乱亜仏来併仮伝偽価倹児両剰剣剤労勲励勧区巻即参単厳嘱圏国囲円図団増堕圧塁壊壌壮壱寿奥奨嬢学寝実写寛宝将専対届属峡岳巣帯廃広庁弾弥径従徴徳恒恵悪悩慎惨応懐恋戦戯戻払抜拝挟挿掲揺捜択'
        || '撃担拠挙拡摂収効叙勅数断晩昼暦暁曽会条桟栄概楽楼枢様横検桜権欧歓歩歴帰残殻殴毎気渉涙浄浅渇渓温滞満潜渋沢湿済浜滝瀬湾灯焼営炉争為犠状狭独猟獣献瓶画当畳痴発盗尽真研砕秘禅礼称稲穂穏窃'
        || '並粋糸経緑緒縁県縦総縄絵継続繊欠缶声聴粛脳胆臓台与旧艶荘茎万薫蔵芸薬処虚号蛍虫蚕蛮衛装褒覚覧観触謡証訳誉読変譲豊予弐売頼賛践軽転辞逓遅辺郎郷酔医醸釈録銭錬鎮鉄鋳鉱関陥随険隠双雑覇霊'
        || '静顕翻余騒駆験駅髄体髪闘鶏塩麦麺黄黒黙点党斉斎歯齢竜亙富涼凛野堯峰島巖晄檜杯禰禱祿穰萠園駆高崎崎辺浜島諫淵竈籠鷗藪砺頸讃鯵館橋剣剣祇蕊蕊柳瑶戸清青教税鋭呉屏体松桑土達檮摑塡剝頰繫嚙'
        || '潑焰萊蠟顚驒簞醬麴鹼俠俱');
    part := regexp_replace(part, '[ガケ](?![銀信農労漁支出本営代特])([々〇\u3400-\u4DBF\u4E00-\u9FFF\uF900-\uFAFF])', 'ケ\1', 'g');
    part := replace(part, '信用農業協同組合連合会', '信連');
    part := replace(part, '信農連', '信連');
    part := replace(part, '信用漁業協同組合連合会', '信漁連');
    part := replace(part, '全国信用協同組合連合会', '全信組連');
    part := replace(part, '労働金庫連合会', '労金連');
    part := replace(part, '商工組合中央金庫', '商工中金');
    part := replace(part, '農林中央金庫', '農林中金');
    part := replace(part, 'シンヨウノウギヨウキヨウドウクミアイレンゴウカイ', 'シンレン');
    part := replace(part, 'シンヨウギヨギヨウキヨウドウクミアイレンゴウカイ', 'シンギヨレン');
    part := replace(part, 'ゼンコクシンヨウキヨウドウクミアイレンゴウカイ', 'ゼンシンクミレン');
    part := replace(part, 'ロウドウキンコレンゴウカイ', 'ロウキンレン');
    part := replace(part, 'シヨウコウクミアイチユウオウキンコ', 'シヨウコウチユウキン');
    part := replace(part, 'ノウリンチユウオウキンコ', 'ノウリンチユウキン');
    part := replace(part, '信用金庫', '信金');
    part := replace(part, '信用組合', '信組');
    part := replace(part, '信用協同組合', '信組');
    part := replace(part, '農業協同組合', '農協');
    part := replace(part, '漁業協同組合', '漁協');
    part := replace(part, '労働金庫', '労金');
    part := replace(part, 'シンヨウキンコ', 'シンキン');
    part := replace(part, 'シンヨウクミアイ', 'シンクミ');
    part := replace(part, 'シンヨウキヨウドウクミアイ', 'シンクミ');
    part := replace(part, 'ノウギヨウキヨウドウクミアイ', 'ノウキヨウ');
    part := replace(part, 'ギヨギヨウキヨウドウクミアイ', 'ギヨキヨウ');
    part := replace(part, 'ロウドウキンコ', 'ロウキン');
    part := regexp_replace(part, '^(?:株式会社|\(株\)|カブシキガイシヤ|\(カ\))+(.+)$', '\1');
    part := regexp_replace(part, '^(.+?)(?:株式会社|\(株\)|カブシキガイシヤ|\(カ\))+$', '\1');
    part := regexp_replace(part, '^(.+?)(?:銀行|支店|ギンコウ|シテン)+$', '\1');
    RETURN regexp_replace(part, '([々〇\u3400-\u4DBF\u4E00-\u9FFF\uF900-\uFAFF])ガ$', '\1ケ');
END $$;

-- ヵ was カ and is ケ now: only the name tells.
CREATE FUNCTION zengin.search_further(search text, name text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT zengin.folded_further(
               CASE WHEN name ~ '[ヵゕ]' AND name !~ '[カかｶ]' THEN replace(folded, 'カ', 'ケ') ELSE folded END)
           || ' ' || zengin.folded_further(split_part(search, ' ', 2))
           || ' ' || zengin.folded_further(split_part(search, ' ', 3))
    FROM split_part(search, ' ', 1) AS folded
$$;

WITH folded AS MATERIALIZED (SELECT ctid, zengin.search_further(search, bank_name) AS search FROM zengin.banks)
UPDATE zengin.banks AS kept SET search = folded.search FROM folded
WHERE kept.ctid = folded.ctid AND kept.search IS DISTINCT FROM folded.search;
WITH folded AS MATERIALIZED (SELECT ctid, zengin.search_further(search, branch_name) AS search FROM zengin.branches)
UPDATE zengin.branches AS kept SET search = folded.search FROM folded
WHERE kept.ctid = folded.ctid AND kept.search IS DISTINCT FROM folded.search;
WITH folded AS MATERIALIZED (SELECT ctid, zengin.search_further(search, bank_name) AS search FROM zengin.bank_history)
UPDATE zengin.bank_history AS kept SET search = folded.search FROM folded
WHERE kept.ctid = folded.ctid AND kept.search IS DISTINCT FROM folded.search;
WITH folded AS MATERIALIZED (SELECT ctid, zengin.search_further(search, branch_name) AS search FROM zengin.branch_history)
UPDATE zengin.branch_history AS kept SET search = folded.search FROM folded
WHERE kept.ctid = folded.ctid AND kept.search IS DISTINCT FROM folded.search;

DROP FUNCTION zengin.search_further(text, text);
DROP FUNCTION zengin.folded_further(text);

-- Whoever proposes an undoing is never its only approver, and it needs as many accounts as what it undoes.

ALTER TABLE zengin.changesets ADD COLUMN proposed_by text;
COMMENT ON COLUMN zengin.changesets.proposed_by IS 'Who asked for an undoing; NULL for what a snapshot proposes.';
UPDATE zengin.changesets AS inverse SET
    proposed_by = (
        SELECT who FROM zengin.transitions
        WHERE target = 'changeset' AND target_id = inverse.id ORDER BY version LIMIT 1),
    needs_approvals = greatest(inverse.needs_approvals, undone.needs_approvals,
                               CASE WHEN undone.hold_reason IS NOT NULL THEN 2 ELSE 1 END)
FROM zengin.changesets AS undone
WHERE undone.id = inverse.inverse_of;
