"""What the embedded corpus is written from: sentence templates, all invented here.

A template is a line of words with three kinds of slots:

- ``[a|b|]``: one of the alternatives, here a, b or nothing; they nest.
- ``{day}`` (lower case): one of the alternatives of `embedded_words.PHRASES`, or a number of `embedded.NUMBERS`.
- ``{P}`` (upper case): an entity. The letter is its kind, as listed in `embedded_words.TYPES`. With a digit it belongs
  to the document: ``{P1}`` is the same person throughout, in full when first mentioned and mostly in short later.
  ``{p1}`` is always short, and ``{x}`` is the short form of any entity the document has mentioned.

A first word ``^`` sets the line in upper case, ``~`` in title case, and ``*`` makes it the row of a table.
"""

# Any document, whatever its topic. The first lines leave the type of {x} open on purpose.
COMMON = """
{x} declined to comment .
{x} declined to comment [on the {plan}|{when}|further] .
{x} [gave no details|could not be reached|was not available] [{when}|for comment|] .
{x} was [not|] [surprised|pleased|worried] [by the {plan}|by the news|] .
[But|Still ,|Meanwhile] {x} [won|lost|waited|agreed|refused|hesitated] .
{x} [rejected|welcomed|denied] the [report|offer|allegations|result] {when} .
{when} {x} [wanted|promised|needed] more [time|money|support] .
The [report|letter|decision] [praised|criticised|surprised] {x} [and {x}|] .
[Relations|Contacts|Talks|Differences] between {x} and {x} [were|remained] [difficult|cordial|tense] .
What {x} wants is [clear|unclear|another matter] .
{quote} {P1} {said} .
{quote} {p1} {said} {when} .
{quote} said {P} , {boss} of {F} .
{quote} he {said} [in {L1}|] .
{quote} Mr {p1} [wrote|said] in a letter to {A} .
{p1} {said} [that|] {claim} [{tail}|] .
{P} , {post} of {C1} , {said} {claim} .
{P} of {A1} {said} {claim} [{when}|] .
He [{said}|said] {claim} .
She {said} that {claim} {tail} .
[No further details|No details|No names] were [given|available] .
It was not [immediately|] clear whether {claim} .
[Witnesses|Officials|Diplomats] in {L1} said {claim} .
[Banks|Shops|Schools|Offices|Markets] in {C1} will be closed {when} .
[Young|Rich|Black|White|Short|Sharp] [people|words|replies|looks] [greeted|met|followed] {P1} in {L1} .
[Prices|Rivers|Weeks|Nights|Rice|Snow|Cash|Power] [had become|had been] a problem for {group} in {L} , {p1} \
said .
[Price|Stone|Field|Law|Power|Day|Page] [by|after|and] [price|stone|field|law|power|day|page] , the {plan} [took \
shape|failed] .
[May|Will|Can] {P1} [still|ever|really] [win|resign|return] [, {group} asked .|?]
[Mark|March|April|May|August|June] [figures|sales|orders|results] [were|looked] [better|worse] than [expected|in {C}] .
[Grant|Rob|Bill|Chase|Mark] [money|applications|collectors|letters] [worried|reached] {A1} {when} .
The [{N1}|] [government|cabinet|press|public|army] [was|remained] [divided|silent|cautious] {when} .
{P1} was born in {L} in {year} , [the son of a {victim}|the daughter of a {critic}|and studied at {A}] .
{P1} [married|met|left|succeeded] {P} in {year} [, when both [worked|studied] in {L}|] .
{P1} and {P} [flew|travelled|moved] from {L1} to {L} {when} [to meet {P}|] [{tail}|] .
Both [{x}|{L}|{P}|{F}] and [{x}|{L}|{P}|{F}] [were mentioned|were named|appeared] in the {art} .
The weekly {F} [asked|quoted|named] [{x}|{P}|{F}] [{when}|] .
[{N}|{N1}] and {N} [newspapers|officials|diplomats|readers] [disagreed|were puzzled] .
-- {L1} newsroom + {small} {small} {num} {num}
Newsroom , {L1} {num}
( {money} = $ {num} )
"""

TOPICS = {
    "politics": """
{P1} , {N1} {post} , {said} {when} that {claim} .
{C1} {when} [rejected|accepted|studied] a [{N2}|new|secret] proposal to {act} .
[{N1}|] {post} {P1} [will visit|arrived in|left for|returned from] {L1} {when} [for talks with {P2}|] [{tail}|] .
{p1} , {age} , has led {A1} since {year} [and was minister under {P}|] .
{A1} [won|lost] {small} seats in {L1} [and {L2}|] , [where|although] turnout was {pct} .
{A1} [, which governs {C1} ,|] voted {when} [against|for] the {plan} .
[Lawmakers|Deputies|Senators] from {A1} {said} {claim} [, but {A2} disagreed|] .
President {P2} of {C2} [met|telephoned|received|avoided] {P1} in {L1} {when} .
{L1} and {L2} [have been|are] [at odds|in talks|united] over the {plan} since {year} .
{L1} [said|warned|announced] {when} [that|] it would {act} .
The [{N1}|{N2}] parliament [passed|debated|blocked] the {plan} by {num} votes to {num} .
The {plan} , drafted by {P} and {P} of {A1} , would {verb} {group} , {claim} and {act} , which {C2} has opposed since \
{year} .
About {num} [{N1}|] {group} marched through {L1} {when} to protest against the {plan} .
Under the {D1} [of {year}|] , {C1} and {C2} must {act} by {year} .
{N1} [troops|diplomats|voters|ministers] [left|entered|ignored] {L2} {when} .
The [{N1}|] [government|opposition] [, led by {P1} ,|] [is expected to|may|refused to] {act} .
* {C} : {pct} , {C} : {pct} .
[Analysts|Critics] compared {p1} [with|to] {P} , who resigned as {post} [in {year}|over the {D}] .
{A1} nominated {P3} , a former {victim} from {L2} , [to succeed {p1}|as its candidate] .
{p1} , [not|rather than] {P3} , [should|must] {act} , [{A2}|{A1}] {said} {when} .
[Ministers|Envoys] from {C1} , {C2} , {C} and {C} meet at {G} in {L1} {when} to discuss the {plan} .
In {L2} , {P2} told {A} that {claim} and that {claim} .
[Relations with|Aid for|Sanctions against|Exports to] {C2} [were suspended|will continue] , {L1} said .
""",
    "markets": """
{F1} [shares|stock|bonds] {move} {pct} to {price} [in {L1}|] {why} .
{F1} {move} {pct} [to {price}|] {when} [{why}|] .
{p1} [, {boss} of {F1} ,|] {said} {claim} .
{F1} [said|announced] {when} it [would buy|had sold|plans to take over] {F2} [of {C1}|] for {money} .
{F1} , the [{N1}|{L1}-based] {goods} maker , [named|dismissed|appointed] {P1} as {boss} .
The {L1} [bourse|market|exchange] [closed|opened|ended] {pct} [higher|lower] {why} .
{E1} sponsor {F1} [posted|reported] a [net|pretax] [profit|loss] of {money} [for {year}|in the first half] .
{N1} [stocks|bonds|shares|exports] {move} {when} {why} .
The {N1} central bank [left|cut|raised] its [key|discount] rate [at|to] {pct} , [in line with|to the surprise of] \
{group} .
[Dealers|Analysts|Brokers] in {L1} said {F1} , {F2} and {F} {move} {why} .
* {F} {price} + {small}
* {F} {price} - {small}
* {L} {price} {price}
{F1} [rival|subsidiary|supplier] {F2} [cut|hired|lost] {num} [jobs|workers|staff] in {L2} [and {L}|] .
{P1} , {boss} at {F2} in {L2} , said {F1} [was|looked] [cheap|expensive] at {price} .
[Sales|Output|Exports|Orders] of {goods} [at {F1}|in {C1}] {move} by {pct} in {month} .
{quote} said {P2} , {boss} at {F2} [in {L1}|] .
[Total|Net] assets : {money} .
Moody 's [raised|lowered] its rating on {F1} [and {F2}|] , citing the {plan} and a fall in {goods} prices [in {C1}|] .
{F1} [was founded|was set up] in {L1} in {year} by {P} and {P} , [who|both] [came from|grew up in] {L} .
The [dollar|mark|franc|pound] {move} against the [yen|lira|crown|peseta] {why} .
Investors [sold|bought|watched] [{F1}|{F2}|{x}] [and {F}|] {why} .
{A1} [fined|cleared|sued] {F1} over its [purchase|sale] of {F2} [{tail}|] .
[{N1}|{L1}] [chain|group|bank|airline] {F1} is to sell [{F2}|its {L1} branch|a mill] [to {F}|] for {money} .
""",
    "soccer": """
{T1} [beat|defeated|thrashed|lost to|drew with] {T2} {score} [in {L1}|] [{when}|] .
* {T} {small} {T} {small}
* {T} {small} {T} {small} ( halftime {score} )
* {T} {small} {small} {small} {small} {small} {small} {small}
[{N1}|] {player} {P1} scored [twice|after {small} minutes|a late winner] as {T1} beat {T2} {score} [at {G1}|in {L1}] .
{P1} [, the {N1} {player} ,|] [joined|left|signed for] {T2} [from {T3}|] for {money} {when} .
{p1} put {T1} ahead after {small} minutes but {P2} equalised [for {T2}|] [before the break|late on] .
Scorers : {T1} - {P1} ( {nth} minute ) , {P2} ( {nth} ) ; {T2} - {P3} ( {nth} )
Attendance : {num}
[Standings|Results] ( tabulate under games played , won , drawn , lost , goals for , against , points ) :
{T1} have not won in {L1} since {year} [, when {P} was their {player}|] .
{T1} [travel|flew|return] to {L2} {when} [to play {T3}|without {P1}] .
{C1} [beat|lost to|drew with|play] {C2} {score} [in {L1}|] in a {E1} qualifier .
[Coach|Captain|Manager] {P3} [left out|praised|dropped|blamed] {p1} [for the match against {T3}|after the defeat in \
{L2}] .
{p1} [of {T1}|] was sent off [for a foul on {P2}|] [in the {nth} minute|] .
{T1} are [top|second|third|bottom] , {small} points [ahead of|behind] {T2} and {small} [ahead of|behind] {T3} .
{E1} : {T1} v {T2} , {G1} , {L1}
[Fans|Supporters] of {T1} [and {T2}|] clashed [with police|] in {L1} {when} .
{A1} [banned|fined] {P1} and {T2} after [trouble|a brawl] [in {L2}|at {G1}] .
{L1} [goes|went] wild when {T1} won the {E1} in {year} .
{quote} said {T1} {player} {P2} .
[Halftime|Goals|Referee] : {P3} ( {C1} )
""",
    "races": """
{sport} - {E1} [results|scores] .
* {small} . {P} ( {C} ) {time}
* {small} . {P} ( {C} ) {F} {time}
* {small}. {P} , {C} , {F} , {small} seconds behind
* {P} {golf} {golf} {golf} {golf}
* {P} ( {C} ) beat {P} ( {C} ) {set} {set}
{small} - {P1} ( {C1} ) beat {small} - {P2} ( {C2} ) {set} {set} {set}
{P1} of {C1} [won|lost] the {E1} {when} [, beating {P2} {set} {set}|ahead of {P2} and {P3}] .
[{N1}|{N2}] {player} {P1} [pulled out of|entered|missed|dominated] the {E1} [in {L1}|] [with a knee injury|] .
{p1} [beat|lost to|overtook] {p2} [in the final|in {L1}] .
{p1} , who drives for {F1} , [clocked|needed] {time} [in {L1}|at {G1}] .
[Leading|Final|Overall] [scores|placings|results] [after the {nth} stage|] of the {E1} from {L1} to {L2} :
Women 's {num} metres :
[Quarterfinals|Semifinals|Second round|Men 's singles] :
{C1} [won|took] {small} [gold|silver|bronze] medals at the {E1} , {C2} only {small} .
{N1} [fans|officials|sprinters|riders] [cheered|blamed] {p1} {when} .
{P3} , riding [for|against] {F1} , [crashed|fell|attacked] on {G1} , {small} kilometres from {L2} .
{quote} the {N1} {said} .
{quote} {p1} said after [winning|losing] [the {E1}|in {L1}] .
Last year 's winner {P2} [retired|withdrew] {when} , leaving {P3} [of {C2}|of {F}] in front .
It was the {nth} title for {p1} , who [trains|lives] in {L2} [with {P}|] and [won|lost] the {E} in {year} .
""",
    "courts": """
A [{N1}|] court [sentenced|acquitted|fined] {P1} , a {victim} from {L1} , [to {small} years|] for {crime} {when} .
{P1} , {age} , [was charged with|was arrested for|pleaded guilty to] {crime} in {L1} {when} [{tail}|] .
{P2} , [lawyer|counsel] for {p1} , {said} {claim} .
Judge {P3} [adjourned|dismissed|heard] the case [against {P1}|against {F1}|] {when} .
{A1} [ruled|decided] {when} that {F1} must pay {P1} {money} .
{F1} [sued|is suing] {F2} [and {P2}|] in {L1} for {money} over the {D1} .
Police in {L1} [found|seized|were looking for] {num} [kilos of heroin|weapons|stolen cars] [near {G1}|at {G1}] {when} .
{p1} [denied|admitted] {crime} [and said {claim}|] .
The {victim} , [identified as|named as] {P} , {age} , was [shot|stabbed|attacked] [in {G1}|near {L2}] {when} .
{C1} [asked|refused] {C2} to extradite {P1} , [who is|] wanted for {crime} .
Detectives [from {A1}|] questioned {p1} [and {P2}|] about {crime} in {L2} , {L} and {L} between {year} and {year} \
{tail} .
{p1} v {F1}
[Prosecutor|Inspector|Judge] {P3} {said} {claim} [{tail}|] .
A jury of {small} [men|women] heard that {p1} had [met|paid|betrayed|followed] {P} at {G} in {L} .
Under the {D1} [{p1}|the {victim}|{P2}] faces up to {small} years .
{A1} [upheld|overturned|quashed] the [sentence|verdict] [on {p1}|] [, {P2} said|] .
The trial of {P1} and {small} other {N1} nationals [opened|resumed] in {L1} {when} .
""",
    "weather": """
Heavy {sky} [closed|cut off|hit] {L1} [and {L2}|] {when} .
* {L} {small} {small} {sky}
{C1} : {sky} in the [north|south|west] , {sky} [over {G1}|near {L1}|later] .
[Floods|Storms|Forest fires|Landslides] killed {num} people in {C1} {when} {tail} .
At least {small} people [died|were hurt|were missing] when a {vehicle} [overturned|sank|caught fire] [near {L1}|off \
{G1}|in {C1}] {when} .
The {vehicle} , [operated|owned] by {F1} , was [bound for|on its way from] {L2} [with {num} passengers|] .
{P1} of {A1} [put|measured] the quake at {rate} in {L1} and {L2} .
Rescue teams from {C2} [reached|left] {L1} {when} .
{quote} said {P2} , a {victim} [in {L1}|from {L2}] .
{G1} [was closed|reopened] {when} [because of {sky}|] .
The storm was [{num} km|] [off {G1}|south of {L1}] , moving [north|west] .
[Snow|Frost|Rain|Storms|Winter] [came|returned] early [in {L1}|to {C1}|] this year , {A1} said .
{F1} [cancelled|delayed] {num} flights [to {L2}|from {L1} to {L2}] [after|during] the {sky} .
The road [from {L1} to {L2}|over {G1}] was blocked [by {sky}|after a {vehicle} crash] .
[The|A] {N1} {vehicle} [, the {M} ,|] [ran aground|broke down] [off {G1}|near {L2}] , {p1} said .
Temperatures in {L1} [fell|rose] to {small} degrees , the [lowest|highest] since {year} .
{L1} airport [was|remained] [closed|open] , but {F1} [moved|diverted] flights to {L2} .
""",
    "culture": """
{P1} , the {N1} {critic} , [died|was honoured|opens an exhibition] in {L1} {when} .
{P1} 's [new|last|best] {art} [ , " {W1} " ,|] [opened|failed|begins] in {L1} {when} .
" {W1} " by {P1} ( {F1} , {num} pages )
" {W1} " , a {art} by {P1} about {P} , was [praised|attacked] by {group} [in {C1}|] .
The {E1} [opens|ended|was cancelled] {when} [with a {art} by {P1}|] .
{p1} 's {art} about {L2} [won|lost] the {D} [in {year}|] .
{p1} [plays|sings|reads|conducts] {P} [at {G1}|in {L1}] {when} .
The {art} [moves|travels] from {L1} to {L2} , {L} and {L} {when} , [{A1}|{F1}] said .
{N1} {critic} {P2} [, {age} ,|] [called|found] the {art} [a triumph|dull|brave] .
{A1} [bought|sold|lent] a {P2} painting [of {L2}|] [to {A}|for {money}] .
{P2} [was|is] a {N2} {critic} who lived in {L2} [, {L}|] and {L} until {year} and translated {P} into {N} .
[Readers|Visitors] [to {G1}|in {L1}] [queue|waited] for [hours|{small} hours] to see {p1} .
{N1} [novels|films|operas|poets] [fill|filled] the {E1} .
[Publisher|Gallery owner|Producer] {P3} of {F1} [bought|refused] the [rights to " {W1} "|{art}] .
{P1} learned {N2} [in {L2}|] and [taught|studied] at {A1} [until {year}|] .
[Born|Raised] in {L2} , {p1} [joined|left] {F1} in {year} [and {A1} later|] .
{F1} [, {P3} 's [company|label] ,|] [will publish|released|withdrew] " {W1} " {when} .
""",
    "labour": """
[Workers|Pilots|Drivers|Miners|Nurses] at {F1} in {L1} [went on strike|returned to work] {when} [over the {plan}|] .
{A1} [called|cancelled|threatened] a strike [at {F1}|in {C1}] {when} .
{A1} [leader|president|secretary] {P1} {said} {claim} .
{F1} [offered|refused] {group} a pay rise of {pct} .
{F1} [and {A1}|] [agreed|failed to agree] on the {plan} after {small} hours of talks [in {L1}|at {G1}] {tail} .
{p1} , who [joined|left] {A1} [in {year}|] , [negotiates|speaks] for {num} {group} [at {F1}|in {L1} and {L2}] .
[Trains|Buses|Ferries|Flights] between {L1} and {L2} were [cancelled|delayed] {when} .
Unemployment in {C1} {move} to {pct} in {month} , {A2} said .
{F1} will [close|sell|move] its {L2} [plant|yard|mine] [, {boss} {P2} said|] .
{F2} , [a unit of|which supplies|] {F1} , [employs|laid off] {num} people in {L1} , {L2} and {L} and makes {goods} \
and {goods} for {F} .
The {N1} [car|steel|coal|shoe] industry [lost|needs] {num} jobs [, {A2} {said}|] .
{A1} [met|sued|blamed|warned] {F1} [and {p2}|] {when} .
Scientists at {A2} [, led by {P3} ,|] [found|believe] that {goods} workers [live longer|sleep less] .
{P3} of {A2} [presented|published] the {D1} in {L2} {when} .
{F1} presented its [new|long-awaited] {M1} [in {L2}|at the {E}] {when} .
The {M1} [costs|cost] {money} [, {P2} said|and is built in {C1}] .
""",
}

# First lines of a document.
HEADLINES = {
    "politics": """^ {C1} [rejects|backs|debates] [{N2}|] [plan|peace offer|aid] .
^ {p1} [to visit|quits|in talks with] [{C2}|{L1}|{A1}] .
^ {L1} [waits|votes|protests] [again|] .
^ Government [wins|loses] [key|] vote .
^ Official journal contents .""",
    "markets": """^ {f1} shares [fall|rise] [in {L1}|] .
^ {N1} [stocks|bonds] [end|open] [lower|higher] .
^ [Dollar|Gold|Cocoa|Oil] [steady|up|down] [in early trade|] .
^ {f1} [sees|posts] [loss|higher profit] [in {C1}|] .
~ Research alert - {f1} [cut|raised] .""",
    "soccer": """^ Soccer - {N1} first division [results|standings] .
^ Soccer - {t1} [beat|crush|hold] {t2} .
^ Soccer - {p1} [joins|leaves] {t1} .
~ Results of {N1} league matches [played on {day}|] .
^ Late goal settles cup tie .""",
    "races": """^ {sport} - {E1} [results|scores] .
^ {sport} - {p1} [wins|leads] [{E1}|in {L1}] .
^ {sport} - {N1} [title|women 's] [results|race] .
~ Leading money winners .""",
    "courts": """^ {p1} [jailed|freed|charged] [in {L1}|in {C1}|] .
^ {N1} [judge|court] [clears|jails] [{p1}|{f1}|banker] .
^ Two held over [art theft|bomb scare] [in {L1}|] .""",
    "weather": """^ [Floods|Storm] [hit|hits] [{L1}|{C1}|coast] .
^ {vehicle} [crash|fire] [kills {small}|] in {L1} .
~ Weather conditions in {C1} .
^ Snow shuts [roads|{G1}|{L1} airport] .""",
    "culture": """^ {p1} , {N1} {critic} , [dead|honoured] at {age} .
^ {E1} opens in {L1} .
~ Books : {p1} returns to {L1} .
^ New {art} divides critics .""",
    "labour": """^ {f1} [strike|pay talks] [ends|goes on] [in {L1}|] .
^ {A1} [calls|ends] strike .
~ Press digest - {C1} .
^ Jobless total [up|down] [in {C1}|] .""",
}
DATELINES = """
^ {L1} {date}
{L1} {date}
{L1} ( {F} ) {date}
[By|] {P1}
"""
